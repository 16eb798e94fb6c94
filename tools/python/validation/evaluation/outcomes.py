"""How a model answered each item of a benchmark, as a Parquet table: what labels are made of.

Two models are compared item by item, so the table holds what tells items apart (hashes, and the place in the
task) and what was answered; no text, no time, no path. The same outcomes give the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from validation.evaluation.results import Benchmark, Evaluated, summary
from validation.job import Fault

if TYPE_CHECKING:
    import pyarrow

#: Number of the table's form; another form is another number.
SCHEMA = 1
#: Hex digits kept of lm-eval's SHA-256 digests: 25,000 items then have two alike once in 10¹¹ cases.
HASH_DIGITS = 16


@dataclass(frozen=True, order=True)
class Item:
    """One answered item; the first four fields tell it from every other of the same evaluation."""

    benchmark: str
    task: str
    doc_hash: str
    #: Place in the task's documents: the same document may be there twice.
    index: int
    prompt_hash: str
    metric: str
    correct: bool
    gold: int
    loglikelihoods: tuple[float, ...]
    choice_bytes: tuple[int, ...]
    #: lm-eval divides by these, not by bytes, for acc_norm.
    choice_characters: tuple[int, ...]


def items(benchmark: Benchmark, evaluated: Evaluated) -> Iterator[Item]:
    """The items of a benchmark, judged by the metric of its accuracy.

    An answer with a NaN is wrong: lm-eval's argmax would pick the NaN's own place.

    Raises:
        Fault: `misconfigured` when the metric gives an item a share of a point: right and wrong answers are
            counted in pairs.
    """
    metric, _, chosen = str(summary(benchmark, evaluated)["metric"]).partition(",")
    for task, samples in evaluated.samples.items():
        for sample, key in zip(samples, evaluated.keys[task], strict=True):
            if sample["filter"] != chosen:
                continue
            value = sample[metric]
            if value not in (0, 1):
                raise Fault(
                    "misconfigured",
                    f"benchmark {benchmark.name}: task '{task}' gives an item {value!r} as {metric}, "
                    "neither right (1) nor wrong (0)",
                    "Take a task that does (truthfulqa_mc1 for truthfulqa_mc2).",
                )
            answers = tuple(_loglikelihoods(sample, len(key.choices)))
            yield Item(
                benchmark=benchmark.name,
                task=task,
                doc_hash=sample["doc_hash"][:HASH_DIGITS],
                index=sample["doc_id"],
                prompt_hash=sample["prompt_hash"][:HASH_DIGITS],
                metric=metric,
                correct=value == 1 and not any(map(math.isnan, answers)),
                gold=key.gold,
                loglikelihoods=answers,
                choice_bytes=tuple(len(choice.encode()) for choice in key.choices),
                choice_characters=tuple(map(len, key.choices)),
            )


def _loglikelihoods(sample: Mapping[str, Any], choices: int) -> Iterator[float]:
    """Of the choices; a task by mutual information asks for as many once more, without the question."""
    for answer in sample["filtered_resps"][:choices]:
        yield float(answer[0])


def write_outcomes(path: Path, benchmarks: Sequence[Benchmark], evaluated: Mapping[str, Evaluated]) -> None:
    """Write the table of an evaluation: a row an item, sorted, and in its metadata how they were asked."""
    import pyarrow
    from pyarrow import parquet

    rows = sorted(item for each in benchmarks for item in items(each, evaluated[each.name]))
    schema = _schema()
    try:
        columns = [pyarrow.array([getattr(row, field.name) for row in rows], field.type) for field in schema]
    except (pyarrow.ArrowInvalid, OverflowError) as error:
        raise Fault("misconfigured", f"a task has more or longer choices than are kept ({error})") from error
    with parquet.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=9,
        # Hashes do not repeat, and log-likelihoods hardly ever.
        use_dictionary=[
            "benchmark",
            "task",
            "metric",
            "gold",
            "choice_bytes.list.element",
            "choice_characters.list.element",
        ],
        write_statistics=False,
        store_schema=False,
    ) as writer:
        writer.write_table(
            pyarrow.Table.from_arrays(columns, schema=schema), row_group_size=len(rows) or None
        )
        metadata = {"schema": SCHEMA, **_how_asked(evaluated)}
        writer.add_key_value_metadata({name: json.dumps(value) for name, value in metadata.items()})


def _how_asked(evaluated: Mapping[str, Evaluated]) -> dict[str, Any]:
    from importlib.metadata import version

    return {
        "lm_eval_version": version("lm_eval"),
        "limit": {name: each.limit for name, each in sorted(evaluated.items())},
        "num_fewshot": {
            task: shots
            for _, each in sorted(evaluated.items())
            for task, shots in sorted(each.shots.items())
            if task in each.samples
        },
        "batch_size": {name: list(each.batches) for name, each in sorted(evaluated.items())},
    }


def _schema() -> pyarrow.Schema:
    import pyarrow

    types = {
        "benchmark": pyarrow.string(),
        "task": pyarrow.string(),
        "doc_hash": pyarrow.string(),
        "index": pyarrow.int32(),
        "prompt_hash": pyarrow.string(),
        "metric": pyarrow.string(),
        "correct": pyarrow.bool_(),
        "gold": pyarrow.int8(),
        "loglikelihoods": pyarrow.list_(pyarrow.float32()),
        "choice_bytes": pyarrow.list_(pyarrow.uint16()),
        "choice_characters": pyarrow.list_(pyarrow.uint16()),
    }
    return pyarrow.schema([pyarrow.field(name, kind, nullable=False) for name, kind in types.items()])
