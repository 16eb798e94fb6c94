"""The making of an evaluation's requests, lm-eval's way and with templates compiled once; and lm-eval's index.

    PYTHONPATH=tools/python python bench/eval_requests.py [--questions N] [--times N]

Questions as MMLU has them, five examples each, from a file; core-seconds, medians, both ways in turn.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import lm_eval.tasks
from lm_eval.tasks._index import TaskIndex

from validation.evaluation.lm_eval_adapter import task_manager
from validation.evaluation.task_index import index_of
from validation.evaluation.templates import compiled_once

_TASK = """\
task: bench
dataset_path: json
dataset_kwargs: { data_files: { test: "%s", validation: "%s" } }
test_split: test
fewshot_split: validation
output_type: multiple_choice
num_fewshot: 5
doc_to_text: "{{question.strip()}}\\nA. {{choices[0]}}\\nB. {{choices[1]}}\\nC. {{choices[2]}}\\nAnswer:"
doc_to_choice: ["A", "B", "C"]
doc_to_target: answer
"""


def main() -> None:
    """Print a line a measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as made:
        index(Path(made) / "index.json", arguments.times)
        requests(Path(made), arguments.questions, arguments.times)


def index(kept: Path, times: int) -> None:
    """Of lm-eval's own tasks."""
    root = Path(lm_eval.tasks.__file__).parent
    index_of(root, kept)
    print(
        f"lm-eval's index, as lm-eval makes it   {median(lambda: TaskIndex.build([root]), times)}"
    )
    print(
        f"the same, kept                         {median(lambda: index_of(root, kept), times)}"
    )


def requests(directory: Path, questions: int, times: int) -> None:
    """Of some questions."""
    written(directory, questions)
    task: Any = task_manager(directory, False).load(["bench"])["tasks"]["bench"]

    def build() -> Any:
        task.set_fewshot_seed(seed=1)  # the same examples each time
        task.build_all_requests(limit=None, rank=0, world_size=1)
        return [each.args for each in task.instances]

    def once() -> Any:
        with compiled_once():
            return build()

    assert build() == once()
    print(f"{questions} questions, lm-eval's way".ljust(38), median(build, times))
    print("the same, templates compiled once".ljust(38), median(once, times))


def written(directory: Path, questions: int) -> None:
    """A task and its data."""
    chance = random.Random(1)

    def text(words: int) -> str:
        return " ".join(f"word{chance.randrange(1000)}" for _ in range(words))

    for name, count in (("test", questions), ("shots", 5)):
        rows = [
            {
                "question": text(50),
                "choices": [text(6) for _ in range(3)],
                "answer": chance.randrange(3),
            }
            for _ in range(count)
        ]
        (directory / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows)
        )
    (directory / "bench.yaml").write_text(
        _TASK % (directory / "test.jsonl", directory / "shots.jsonl")
    )


def median(work: Callable[[], Any], times: int) -> str:
    """Core-seconds of some work."""
    seconds = []
    for _ in range(times):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return f"{statistics.median(seconds):.2f} core-s"


if __name__ == "__main__":
    main()
