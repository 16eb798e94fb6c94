"""What the tests about InvarLock share: a cell's settings, and a job with a corpus."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from repository import PYTHONPATH, SUPPORT

from validation.invarlock.config import Settings, parse_settings
from validation.job import Device, Job, Part, Read

SPEC: dict[str, Any] = {
    "tier": "balanced",
    "profile": "ci",
    "guards": ["invariants", "spectral", "rmt", "variance", "invariants"],
    "determinism": "strict",
    "dataset": {"provider": "local_jsonl", "text_field": "text"},
    "seq_len": 128,
    "stride": 128,
    "preview": 200,
    "final": 200,
    "batch_size": 32,
    "bootstrap": 1200,
    "alpha": 0.05,
    "skip_overhead_check": True,
    "pm_acceptance": None,
}


def spec_of(**changes: Any) -> dict[str, Any]:
    """A cell's spec with some fields of `invarlock` changed."""
    return {"run": 1, "invarlock": {**SPEC, **changes}, "window_slice": {"index": 0, "count": 1}}


def settings_of(**changes: Any) -> Settings:
    """Settings with some fields changed."""
    return parse_settings(spec_of(**changes))


def run_child(script: str, root: Path, **variables: str) -> tuple[Any, str]:
    """The JSON that a script beside this file prints last, run on a directory, and its standard error."""
    done = subprocess.run(
        [sys.executable, str(SUPPORT / script), str(root)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": PYTHONPATH,
            **variables,
        },
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def write_corpus(path: Path, texts: list[str]) -> Path:
    """A corpus of one JSON line a text."""
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def make_job(root: Path, kind: str, spec: dict[str, Any], reads: dict[str, Path]) -> Job:
    """A job of one part; inputs are plain files."""
    for name in ("work", "logs", "out"):
        (root / name).mkdir(parents=True, exist_ok=True)
    return Job(
        cell=f"suite.model.baseline:{kind}",
        kind=kind,
        model="model",
        size_class="tiny",
        device=Device("cpu", "cpu", 0, 1),
        work=root / "work",
        logs=root / "logs",
        reads={name: Read(path, None, "0" * 64) for name, path in reads.items()},
        parts=(Part(kind, spec, root / "out", None),),
    )


def without_run(certificate: dict[str, Any]) -> dict[str, Any]:
    """A certificate without run ids, times, paths, and the digests of reports that hold those."""
    names = {"run_id", "ts", "generated_at", "resolved_at", "report_hash", "events_path", "report_path"}
    names |= {"system_overhead", "telemetry", "memory_snapshots", "timings", "guard_timings"}

    def scrub(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: scrub(item) for key, item in value.items() if key not in names}
        return [scrub(item) for item in value] if isinstance(value, list) else value

    found: dict[str, Any] = scrub(certificate)
    return found
