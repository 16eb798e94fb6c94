"""Writes a table of outcomes of real size: `python outcomes_table.py <file> <seed>`, filled with noise.

As many items, tasks and choices as MMLU, HellaSwag, ARC and WinoGrande have. Tables of two seeds have the same items, answered
differently.
"""

from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path

from validation.evaluation.outcomes import write_outcomes
from validation.evaluation.results import AnswerKey, Benchmark, Evaluated

#: Name, tasks, items and choices an item.
SHAPES = (
    ("mmlu", 57, 14042, 4),
    ("hellaswag", 1, 10042, 4),
    ("arc_challenge", 1, 1172, 4),
    ("winogrande", 1, 1267, 2),
)


def evaluated(name: str, tasks: int, items: int, choices: int, rng: random.Random) -> Evaluated:
    samples: dict[str, list[dict[str, object]]] = {f"{name}_{number}": [] for number in range(tasks)}
    for number in range(items):
        task = f"{name}_{number % tasks}"
        answers = [(-rng.expovariate(0.1), False) for _ in range(choices)]
        samples[task].append(
            {
                "doc_id": number,
                "doc_hash": hashlib.sha256(f"{task} {number}".encode()).hexdigest(),
                "prompt_hash": hashlib.sha256(f"asked {task} {number}".encode()).hexdigest(),
                "filter": "none",
                "filtered_resps": answers,
                "acc": float(rng.random() < 0.7),
            }
        )
    return Evaluated(
        results={task: {"acc,none": 0.7} for task in samples},
        versions={},
        shots={},
        sizes={task: {"original": len(each), "effective": len(each)} for task, each in samples.items()},
        samples=samples,
        keys={task: [AnswerKey(("a",) * choices, 0)] * len(each) for task, each in samples.items()},
        batches=[8],
    )


def main() -> None:
    path, seed = Path(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    asked = {shape[0]: evaluated(*shape, rng) for shape in SHAPES}
    write_outcomes(path, [Benchmark(name, name, 5) for name in asked], asked)


if __name__ == "__main__":
    main()
