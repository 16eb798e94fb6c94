"""Makes what a scripted evaluation of test/rig leaves: `python rig_outcomes.py <test/support/rig/outcomes>`.

As real ones are written, and for every variant the same: nine of ten items are answered rightly.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from validation.evaluation.outcomes import write_outcomes
from validation.evaluation.results import AnswerKey, Benchmark, Evaluated

ITEMS = 120
TASKS = {"mmlu": "mmlu", "hellaswag": "hellaswag", "arc": "arc_challenge", "winogrande": "winogrande"}
#: What one cell of the rig's suites evaluates.
TOGETHER = (*((name,) for name in TASKS), ("mmlu", "arc"), tuple(TASKS))


def evaluated(task: str) -> Evaluated:
    samples = [
        {
            "doc_id": index,
            "doc_hash": hashlib.sha256(f"{task} {index}".encode()).hexdigest(),
            "prompt_hash": hashlib.sha256(f"asked {task} {index}".encode()).hexdigest(),
            "filter": "none",
            "filtered_resps": [(-1.0, False), (-2.0 if index % 10 else -0.5, False)],
            "acc": float(index % 10 > 0),
        }
        for index in range(ITEMS)
    ]
    return Evaluated(
        results={task: {"acc,none": 0.9}},
        versions={},
        shots={task: 0},
        sizes={task: {"original": ITEMS, "effective": ITEMS}},
        samples={task: samples},
        keys={task: [AnswerKey(("yes", "no"), 0)] * ITEMS},
        batches=[8],
    )


def write(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    for names in TOGETHER:
        asked = {name: evaluated(TASKS[name]) for name in names}
        benchmarks = [Benchmark(name, TASKS[name], 0) for name in names]
        write_outcomes(directory / f"{'_'.join(names)}.parquet", benchmarks, asked)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
