"""A process of its own for the real InvarLock 0.17: it compares tables of outcomes made here.

Run as `python regression_child.py <root>`; prints one JSON object: each cell's exit code or decision.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from made_outcomes import evaluated, sample

from validation.__main__ import main
from validation.evaluation.outcomes import write_outcomes
from validation.evaluation.results import AnswerKey, Benchmark

ITEMS = 800
SPEC = {
    "invarlock": "0.17.1",
    "half": "even",
    "policy": {"minimum_count": 100, "maximum_regression": 0.03, "maximum_interval_width": 0.2},
}
#: The share of right answers, and how many items were asked.
SUBJECTS = {"same": (10, ITEMS), "worse": (2, ITEMS), "few": (10, 60)}


def write_table(path: Path, wrong_every: int, items: int, task: str = "city") -> None:
    """One item of so many is answered wrongly."""
    samples = [
        sample(task, index, (-1.0, -2.0 if index % wrong_every else -0.5), float(index % wrong_every > 0))
        for index in range(items)
    ]
    asked = evaluated({task: samples}, {task: [AnswerKey(("yes", "no"), 0)] * items}, 0.9)
    write_outcomes(path, [Benchmark(task, task, 0)], {task: asked})


def compare(root: Path, name: str, subject: Path, **changes: Any) -> int:
    """Run one cell; its exit code."""
    directories = {key: root / name / key for key in ("work", "logs", "out")}
    for directory in directories.values():
        directory.mkdir(parents=True)
    paths = {
        "baseline": root / "baseline.json",
        "subject": root / "subject.json",
        "baseline-outcomes": root / "baseline.parquet",
        "subject-outcomes-1": subject,
    }
    reads = {key: {"path": str(path), "manifest": None, "sha256": "0" * 64} for key, path in paths.items()}
    job = {
        "schema": 1,
        "cell": name,
        "kind": "regression",
        "model": "tiny",
        "size_class": "tiny",
        "device": {"type": "cpu", "class": "cpu", "gpus": 0, "threads": 1},
        "work": str(directories["work"]),
        "logs": str(directories["logs"]),
        "reads": reads,
        "parts": [{"name": name, "spec": {**SPEC, **changes}, "out": str(directories["out"]), "store": None}],
    }
    file = root / name / "job.json"
    file.write_text(json.dumps(job), encoding="utf-8")
    return main(["--spec", str(file)])


def run_all(root: Path) -> dict[str, Any]:
    """What InvarLock decides of three subjects, and three inputs that it must not be given."""
    write_table(root / "baseline.parquet", 10, ITEMS)
    found: dict[str, Any] = {}
    for name, (wrong_every, items) in SUBJECTS.items():
        table = root / f"{name}.parquet"
        write_table(table, wrong_every, items)
        end = compare(root, name, table)
        report = root / name / "out" / "evaluation.report.json"
        found[name] = end or json.loads(report.read_text(encoding="utf-8"))["decision"]
    write_table(root / "other.parquet", 10, 40, task="job")
    found["other"] = compare(root, "other", root / "other.parquet")
    (root / "torn.parquet").write_bytes(b"PAR1")
    found["torn"] = compare(root, "torn", root / "torn.parquet")
    found["version"] = compare(root, "version", root / "same.parquet", invarlock="0.17.9")
    return found


if __name__ == "__main__":
    print(json.dumps(run_all(Path(sys.argv[1]))))
