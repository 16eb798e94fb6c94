"""The fate of each guard in an InvarLock run (ran, not ready, errored), read from its event log.

InvarLock catches a guard's exception and continues, and the certificate's flag is true by default: only the
events show whether a guard ran.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from validation.invarlock.adapter import report_of
from validation.invarlock.certificate import Unreadable, guard_reports, read_object
from validation.invarlock.process import events_of
from validation.job import Fault

#: Guards that may find nothing to work on in a small model; the others measure every model.
_MAY_BE_IDLE = frozenset({"variance"})
#: Guards that have metrics whenever they ran.
_MEASURING = frozenset({"invariants", "spectral", "rmt"})
_RAN = "ran"


def guard_fates(work: Path, arm: str, order: Iterable[str]) -> dict[str, str]:
    """`ran`, `not_ready: …` or `errored: …` for each guard of the order.

    Args:
        work: The run's working directory.
        arm: `source` (the baseline) or `edited` (the subject).
        order: Guard order; a guard that is listed twice must have run both times.

    Raises:
        Fault: `out_of_memory` or `host_out_of_memory` when a guard ran out of memory: that is not the model's
        fault.
    """
    fates = dict.fromkeys(order, "errored: it left no result")
    for event in events_of(work, arm):
        data = event.get("data")
        name = data.get("guard") if isinstance(data, dict) else None
        if not isinstance(data, dict) or name not in fates or fates[name].startswith("errored: by"):
            continue
        match event.get("component"), event.get("operation"):
            case (("guard" | "guard_prepare"), "error"):
                fates[name] = _errored(str(name), str(data.get("error")))
            case "guard_prepare", "complete" if data.get("ready") is False:
                fates[name] = "not_ready: it found nothing to prepare"
            case "guard", "complete" if not fates[name].startswith("not_ready"):
                fates[name] = _RAN
    for name in _without_measures(work, arm):
        if fates.get(name) == _RAN:
            fates[name] = "errored: it measured nothing"
    return fates


def require_guards(work: Path, arm: str, order: Iterable[str]) -> None:
    """Check that every guard ran on a model that is not under test.

    Raises:
        Fault: `internal` naming the guards that did not, `out_of_memory` as in `guard_fates`.
    """
    failed = [
        f"guard {name} {fate}"
        for name, fate in guard_fates(work, arm, order).items()
        if fate != _RAN and not (fate.startswith("not_ready") and name in _MAY_BE_IDLE)
    ]
    if failed:
        raise Fault("internal", f"on the baseline, InvarLock's {'; '.join(failed)}")


def _without_measures(work: Path, arm: str) -> list[str]:
    """Guards without metrics in the arm's report: the spectral guard hides its own exceptions."""
    path = report_of(work, arm)
    if path is None:
        return []
    try:
        reports = guard_reports(read_object(path))
    except Unreadable as error:
        raise Fault("internal", str(error)) from error
    return [name for name, guard in reports.items() if name in _MEASURING and not guard.get("metrics")]


def _errored(name: str, error: str) -> str:
    first = error.strip().splitlines()[0] if error.strip() else "an exception without a text"
    if "can't allocate memory" in error:
        raise Fault("host_out_of_memory", f"InvarLock's guard {name}: {first}")
    if "out of memory" in error.lower():
        raise Fault("out_of_memory", f"InvarLock's guard {name}: {first}")
    return f"errored: by an exception: {first}"
