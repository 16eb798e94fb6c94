"""The readers of InvarLock's certificates and run reports, which leave a missing value missing.

A certificate may contain a bare `NaN`, which Python's JSON reader accepts. A flag that is missing or not a
boolean stays missing (None): the caller decides, and must not count it as a pass. Other keys are ignored.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The flags of `validation` that a verdict rests on.
FLAGS = (
    "preview_final_drift_acceptable",
    "primary_metric_acceptable",
    "primary_metric_tail_acceptable",
    "invariants_pass",
    "spectral_stable",
    "rmt_stable",
    "guard_overhead_acceptable",
)


class Unreadable(ValueError):
    """A certificate or report that is incomplete, or a file that is neither."""


@dataclass(frozen=True)
class Certificate:
    """The parts of a certificate that the suite reads.

    `ratio` (of perplexities) and `baseline_final` (perplexity) are None when not finite; `windows` are
    counts.
    """

    flags: dict[str, bool | None]
    ratio: float | None
    baseline_final: float | None
    degraded_reason: str | None
    windows: tuple[int | None, int | None]
    policy: dict[str, Any]

    @property
    def missing(self) -> list[str]:
        """The flags that are not there."""
        return [name for name, value in self.flags.items() if value is None]


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file, which may contain bare NaN and infinities.

    Raises:
        Unreadable: the file is missing, incomplete, or not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise Unreadable(f"{path}: not a JSON object")
    return value


def read_certificate(path: Path) -> Certificate:
    """Read a certificate of InvarLock 0.3.7.

    Raises:
        Unreadable: the file is incomplete or not such a certificate.
    """
    raw = read_object(path)
    validation = raw.get("validation")
    if raw.get("schema_version") != "v1" or not isinstance(validation, dict):
        raise Unreadable(f"{path}: not a certificate (no schema_version v1 with a validation object)")
    metric = section(raw, "primary_metric")
    windows = section(raw, "dataset", "windows")
    reason = metric.get("degraded_reason")
    return Certificate(
        flags={name: validation[name] if isinstance(validation.get(name), bool) else None for name in FLAGS},
        ratio=finite(metric.get("ratio_vs_baseline")),
        baseline_final=finite(section(raw, "baseline_ref", "primary_metric").get("final")),
        degraded_reason=reason if isinstance(reason, str) else None,
        windows=(_count(windows.get("preview")), _count(windows.get("final"))),
        policy=section(raw, "resolved_policy"),
    )


def section(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A nested object; an empty one when any step is missing or is something else."""
    current: Any = value
    for key in keys:
        current = current.get(key) if isinstance(current, dict) else None
    return current if isinstance(current, dict) else {}


def finite(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def guard_reports(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The guards of a run report by name."""
    guards = report.get("guards")
    if not isinstance(guards, list):
        return {}
    return {str(guard["name"]): guard for guard in guards if isinstance(guard, dict) and "name" in guard}


def policy_differences(preset: dict[str, Any], policy: dict[str, Any]) -> list[str]:
    """Calibrated values of a preset that a certificate's `resolved_policy` does not show."""
    found: list[str] = []
    for guard in ("spectral", "rmt", "variance"):
        given = section(preset, "guards", guard)
        _compare(given, section(policy, guard), guard, found)
    return found


def _compare(given: dict[str, Any], applied: dict[str, Any], where: str, found: list[str]) -> None:
    for key, value in given.items():
        other = applied.get(key)
        if isinstance(value, dict):
            _compare(value, other if isinstance(other, dict) else {}, f"{where}.{key}", found)
        elif other != value:
            found.append(f"{where}.{key}: {other!r} instead of {value!r}")


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
