"""Makes tables of outcomes, as real ones are written.

`python made_outcomes.py rig <test/support/rig/outcomes>`: what a scripted evaluation of test/rig leaves, for
every variant the same: nine of ten items are answered rightly.
`python made_outcomes.py real <file> <seed>`: one of real size, filled with noise. Tables of two seeds have
the same items, answered differently.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from validation.evaluation.outcomes import write_outcomes
from validation.evaluation.results import AnswerKey, Benchmark, Evaluated

ITEMS = 120
TASKS = {"mmlu": "mmlu", "hellaswag": "hellaswag", "arc": "arc_challenge", "winogrande": "winogrande"}
#: What one cell of the rig's suites evaluates.
TOGETHER = (*((name,) for name in TASKS), ("mmlu", "arc"), tuple(TASKS))
#: Of real size: name, tasks, items and choices an item.
SHAPES = (
    ("mmlu", 57, 14042, 4),
    ("hellaswag", 1, 10042, 4),
    ("arc_challenge", 1, 1172, 4),
    ("winogrande", 1, 1267, 2),
)


def sample(task: str, index: int, answers: Sequence[float], acc: float) -> dict[str, Any]:
    return {
        "doc_id": index,
        "doc_hash": hashlib.sha256(f"{task} {index}".encode()).hexdigest(),
        "prompt_hash": hashlib.sha256(f"asked {task} {index}".encode()).hexdigest(),
        "filter": "none",
        "filtered_resps": [(answer, False) for answer in answers],
        "acc": acc,
    }


def evaluated(
    samples: Mapping[str, list[dict[str, Any]]], keys: Mapping[str, list[AnswerKey]], acc: float
) -> Evaluated:
    return Evaluated(
        results={task: {"acc,none": acc} for task in samples},
        versions={},
        shots=dict.fromkeys(samples, 0),
        sizes={task: {"original": len(each), "effective": len(each)} for task, each in samples.items()},
        samples=dict(samples),
        keys=dict(keys),
        batches=[8],
    )


def of_the_rig(task: str) -> Evaluated:
    samples = [
        sample(task, index, (-1.0, -2.0 if index % 10 else -0.5), float(index % 10 > 0))
        for index in range(ITEMS)
    ]
    return evaluated({task: samples}, {task: [AnswerKey(("yes", "no"), 0)] * ITEMS}, 0.9)


def of_real_size(name: str, tasks: int, items: int, choices: int, rng: random.Random) -> Evaluated:
    samples: dict[str, list[dict[str, Any]]] = {f"{name}_{number}": [] for number in range(tasks)}
    keys: dict[str, list[AnswerKey]] = {task: [] for task in samples}
    for number in range(items):
        task = f"{name}_{number % tasks}"
        keys[task].append(AnswerKey(tuple("x" * rng.randrange(1, 120) for _ in range(choices)), 0))
        answers = [-rng.expovariate(0.1) for _ in range(choices)]
        samples[task].append(sample(task, number, answers, float(rng.random() < 0.7)))
    return evaluated(samples, keys, 0.7)


def write_rig(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    for names in TOGETHER:
        asked = {name: of_the_rig(TASKS[name]) for name in names}
        benchmarks = [Benchmark(name, TASKS[name], 0) for name in names]
        write_outcomes(directory / f"{'_'.join(names)}.parquet", benchmarks, asked)


def write_real(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    asked = {shape[0]: of_real_size(*shape, rng) for shape in SHAPES}
    write_outcomes(path, [Benchmark(name, name, 0) for name in asked], asked)


if __name__ == "__main__":
    if sys.argv[1] == "rig":
        write_rig(Path(sys.argv[2]))
    else:
        write_real(Path(sys.argv[2]), int(sys.argv[3]))
