"""Fates of guards, from event logs as InvarLock 0.3.7 writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from validation.invarlock.guards import guard_fates, require_guards
from validation.job import Fault

ORDER = ("invariants", "spectral", "rmt", "variance", "invariants")


def event(component: str, operation: str, guard: str, **data: Any) -> dict[str, Any]:
    return {"component": component, "operation": operation, "data": {"guard": guard, **data}}


def healthy(guard: str) -> list[dict[str, Any]]:
    return [
        event("guard_prepare", "start", guard),
        event("guard_prepare", "complete", guard, ready=True),
        event("guard", "start", guard),
        event("guard", "complete", guard, status="passed"),
    ]


def log(work: Path, events: list[dict[str, Any]], arm: str = "edited") -> Path:
    directory = work / "runs" / arm / "20260101"
    directory.mkdir(parents=True)
    lines = [json.dumps(one) for one in events]
    (directory / "events.jsonl").write_text("\n".join(lines) + '\n{"component": "gua')
    return work


ALL = [one for guard in ORDER for one in healthy(guard)]


def test_guards_that_ran(tmp_path: Path) -> None:
    log(tmp_path, ALL)
    assert guard_fates(tmp_path, "edited", ORDER) == dict.fromkeys(ORDER, "ran")
    log(tmp_path, ALL, "source")
    require_guards(tmp_path, "source", ORDER)


def test_a_guard_that_raised_is_errored_whatever_follows(tmp_path: Path) -> None:
    raised = event("guard", "error", "rmt", error="boom\nat line 3")
    log(tmp_path, [*ALL[:8], raised, *ALL[8:]])
    fates = guard_fates(tmp_path, "edited", ORDER)
    assert fates["rmt"] == "errored: by an exception: boom"
    assert fates["spectral"] == "ran"


def test_a_failed_preparation_is_errored(tmp_path: Path) -> None:
    log(tmp_path, [*ALL[:4], event("guard_prepare", "error", "spectral", error="no layers"), *ALL[8:]])
    assert guard_fates(tmp_path, "edited", ORDER)["spectral"] == "errored: by an exception: no layers"


def test_a_guard_without_a_trace_did_not_run(tmp_path: Path) -> None:
    log(tmp_path, healthy("invariants"))
    assert guard_fates(tmp_path, "edited", ORDER)["rmt"] == "errored: it left no result"
    with pytest.raises(Fault, match="guard spectral errored: it left no result"):
        require_guards(tmp_path, "edited", ORDER)


def test_variance_may_find_nothing_in_a_small_model_but_spectral_may_not(tmp_path: Path) -> None:
    def idle(guard: str) -> list[dict[str, Any]]:
        return [
            event("guard_prepare", "complete", guard, ready=False),
            event("guard", "complete", guard, status="failed"),
        ]

    log(tmp_path, [*ALL[:12], *idle("variance")], "source")
    assert guard_fates(tmp_path, "source", ORDER)["variance"] == "not_ready: it found nothing to prepare"
    require_guards(tmp_path, "source", ORDER)
    log(tmp_path, [*healthy("invariants"), *idle("spectral"), *healthy("rmt"), *healthy("variance")])
    with pytest.raises(Fault, match="guard spectral not_ready") as caught:
        require_guards(tmp_path, "edited", ORDER)
    assert caught.value.code == "internal"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CUDA out of memory. Tried to allocate", "out_of_memory"),
        ("can't allocate memory: you tried", "host_out_of_memory"),
    ],
)
def test_want_of_memory_is_no_verdict(tmp_path: Path, text: str, code: str) -> None:
    log(tmp_path, [*ALL, event("guard", "error", "spectral", error=text)])
    with pytest.raises(Fault) as caught:
        guard_fates(tmp_path, "edited", ORDER)
    assert caught.value.code == code


def test_a_guard_without_measures_did_not_run_whatever_the_events_say(tmp_path: Path) -> None:
    log(tmp_path, ALL)
    guards = [{"name": name, "passed": True, "metrics": {"n": 1}} for name in ("invariants", "rmt")]
    guards.append({"name": "spectral", "passed": False, "metrics": {}})
    report = {"guards": guards}
    (tmp_path / "runs" / "edited" / "20260101" / "report.json").write_text(json.dumps(report))
    fates = guard_fates(tmp_path, "edited", ORDER)
    assert fates["spectral"] == "errored: it measured nothing"
    assert (fates["rmt"], fates["invariants"], fates["variance"]) == ("ran", "ran", "ran")
