"""One line of the doctor."""

from __future__ import annotations

Finding = dict[str, str]


def finding(level: str, what: str, message: str, fix: str = "") -> Finding:
    """One line: `level` is ok, warning or error."""
    return {"level": level, "what": what, "message": message, "fix": fix}


def first_line(error: Exception) -> str:
    """What an exception says first, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
