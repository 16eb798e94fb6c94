"""The check of a baseline's run report before anything is measured against it."""

from __future__ import annotations

from typing import Any

from validation.invarlock.certificate import finite, guard_reports, section
from validation.invarlock.config import Settings
from validation.job import Fault


def require_sound(report: dict[str, Any], settings: Settings) -> None:
    """Check that InvarLock evaluated the baseline as asked.

    Raises:
        Fault: `bad_input` when the baseline's perplexity is not finite; `misconfigured` when InvarLock
            dropped windows; `internal` when a guard of the order left no result.
    """
    metric = section(report, "metrics", "primary_metric")
    if finite(metric.get("preview")) is None or finite(metric.get("final")) is None:
        raise Fault(
            "bad_input",
            f"the baseline's perplexity is not finite: preview {metric.get('preview')},"
            f" final {metric.get('final')}",
            "nothing can be certified against this baseline: check its weights",
        )
    used = section(report, "data")
    if (used.get("preview_n"), used.get("final_n")) != (settings.preview, settings.final):
        raise Fault(
            "misconfigured",
            f"InvarLock used {used.get('preview_n')} + {used.get('final_n')} windows"
            f" of {settings.preview} + {settings.final}: windows of the dataset repeat",
        )
    if absent := sorted(set(settings.guards) - guard_reports(report).keys()):
        raise Fault("internal", f"InvarLock left no result of the guards {', '.join(absent)}")
