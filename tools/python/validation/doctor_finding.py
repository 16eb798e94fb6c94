"""One line of the doctor."""

from __future__ import annotations

Finding = dict[str, str]


def finding(level: str, what: str, message: str, fix: str = "") -> Finding:
    """One line: `level` is ok, warning or error."""
    return {"level": level, "what": what, "message": message, "fix": fix}
