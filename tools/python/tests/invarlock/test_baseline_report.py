"""Shared baseline reports: byte-stable, and refused by anything they were not made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invarlock_rig import make_job, settings_of, spec_of, write_corpus

from validation.invarlock.baseline_report import binding_of, read_report, without_times, write_report
from validation.invarlock.config import CORPUS_FILE
from validation.job import Fault, Job, Read

BINDING: dict[str, Any] = {
    "weights": "a" * 64,
    "dataset": "b" * 64,
    "preset": "c" * 64,
    "guards": ["invariants", "variance"],
    "tier": "balanced",
    "profile": "ci",
    "settings": "d" * 64,
    "device": "cpu",
    "versions": {"invarlock": "0.3.7", "torch": "2"},
}
REPORT: dict[str, Any] = {
    "meta": {"ts": "2026-01-01T00:00:00", "seed": 42},
    "metrics": {"primary_metric": {"final": 2.5}, "timings": {"total": 3.0}, "latency_ms_per_tok": 0.1},
    "artifacts": {"events_path": "runs/source/1/events.jsonl"},
    "guards": [{"name": "rmt", "metrics": {"finalize_time": 0.2, "edge": 1.0}}],
    "evaluation_windows": {"final": {"input_ids": [[1, 2]]}},
}


def baseline_job(root: Path, spec: dict[str, Any] | None = None) -> Job:
    root.mkdir(exist_ok=True)
    corpus = write_corpus(root / "c.jsonl", ["a"])
    job = make_job(root, "baseline", spec or spec_of(), {"baseline": root, "preset": root, "corpus": corpus})
    (job.work / CORPUS_FILE).write_text("its windows\n", encoding="utf-8")
    return job


def test_equal_evaluations_give_equal_bytes(tmp_path: Path) -> None:
    later = {
        **REPORT,
        "meta": {"ts": "2027-01-01T00:00:00", "seed": 42},
        "metrics": {**REPORT["metrics"], "timings": {"total": 9.0}, "latency_ms_per_tok": 5.0},
        "artifacts": {"events_path": "runs/source/2/events.jsonl"},
        "guards": [{"name": "rmt", "metrics": {"finalize_time": 7.0, "edge": 1.0}}],
    }
    for name, report in (("a", REPORT), ("b", later)):
        write_report(tmp_path / name, report, BINDING)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_was_measured_stays() -> None:
    stable = without_times(REPORT)
    assert stable["metrics"] == {"primary_metric": {"final": 2.5}}
    assert stable["guards"] == [{"name": "rmt", "metrics": {"edge": 1.0}}]
    assert stable["evaluation_windows"] == REPORT["evaluation_windows"]
    assert REPORT["metrics"]["timings"], "the report itself is not touched"


def test_it_comes_back_whole_for_the_same_binding(tmp_path: Path) -> None:
    write_report(tmp_path / "r", REPORT, BINDING)
    assert read_report(tmp_path / "r", BINDING) == without_times(REPORT)


@given(name=st.sampled_from(sorted(BINDING)), way=st.sampled_from(["other", "gone", "unknown"]))
def test_any_other_binding_is_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, name: str, way: str
) -> None:
    path = tmp_path_factory.mktemp("report") / "report.json"
    binding = dict(BINDING)
    if way == "other":
        binding[name] = "another"
    elif way == "gone":
        del binding[name]
    else:
        binding[f"{name}_too"] = "more"
    write_report(path, REPORT, binding)
    with pytest.raises(Fault, match=f"the report of another baseline: {name}") as caught:
        read_report(path, BINDING)
    assert caught.value.code == "bad_input"
    assert "baseline-<k>" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"binding": {}}', '{"binding": [1], "report": {}}', "\0"]
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r").write_text(text, encoding="utf-8")
    with pytest.raises(Fault, match="not a baseline report") as caught:
        read_report(tmp_path / "r", BINDING)
    assert caught.value.code == "bad_input"


def test_a_binding_follows_everything_a_report_depends_on(tmp_path: Path) -> None:
    base = baseline_job(tmp_path / "base")
    first = binding_of(base, settings_of())
    assert first == binding_of(baseline_job(tmp_path / "same"), settings_of())
    assert first["guards"] == list(settings_of().guards)
    assert set(first["versions"]) == {"invarlock", "torch", "transformers"}

    def differing(job: Job, **changes: Any) -> set[str]:
        other = binding_of(job, settings_of(**changes))
        return {name for name in first if first[name] != other[name]}

    changes = {"guards": ["invariants"], "tier": "aggressive", "batch_size": 8}
    other = baseline_job(tmp_path / "other", spec_of(**changes))
    assert differing(other, **changes) == {"guards", "tier", "settings"}
    assert differing(baseline_job(tmp_path / "run", {**spec_of(), "run": 2})) == {"dataset"}
    windows = baseline_job(tmp_path / "windows")
    (windows.work / CORPUS_FILE).write_text("other windows\n", encoding="utf-8")
    assert differing(windows) == {"dataset"}
    weights = baseline_job(tmp_path / "weights")
    weights.reads["baseline"] = Read(tmp_path, None, "1" * 64)
    assert differing(weights) == {"weights"}
    weights.reads["preset"] = Read(tmp_path, None, "2" * 64)
    assert differing(weights) == {"weights", "preset"}


def test_the_file_is_json_in_one_line(tmp_path: Path) -> None:
    write_report(tmp_path / "r", REPORT, BINDING)
    text = (tmp_path / "r").read_text(encoding="utf-8")
    assert text.count("\n") == 1 and json.loads(text)["schema"] == 1
