"""A finding of the doctor: one line with level, subject, message and fix."""

from __future__ import annotations

Finding = dict[str, str]


def finding(level: str, what: str, message: str, fix: str = "") -> Finding:
    """One line: `level` is ok, warning or error."""
    return {"level": level, "what": what, "message": message, "fix": fix}


def first_line(error: Exception) -> str:
    """The first line of an exception's text, at most 200 characters, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
