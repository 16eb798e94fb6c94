"""The table of outcomes: what tells items apart, what is right, and that it is small and always the same."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import made_outcomes
import pytest
from pyarrow import parquet
from repository import REPOSITORY

from validation.evaluation.answer_keys import answer_key
from validation.evaluation.outcomes import Item, items, write_outcomes
from validation.evaluation.results import AnswerKey, Benchmark, Evaluated
from validation.job import Fault

ARC = Benchmark("arc", "arc_challenge", 5)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sample(index: int, answers: Sequence[float], doc: str = "", **metrics: float) -> dict[str, Any]:
    return {
        "doc_id": index,
        "doc_hash": digest(doc or f"doc {index}"),
        "prompt_hash": digest(f"prompt {index}"),
        "filter": "none",
        "filtered_resps": [(answer, False) for answer in answers],
        **metrics,
    }


def evaluated(
    task: str, samples: Sequence[dict[str, Any]], keys: Sequence[AnswerKey], *metrics: str
) -> Evaluated:
    row = {f"{metric},none": 0.5 for metric in metrics or ("acc",)}
    size = {"original": len(samples), "effective": len(samples)}
    return Evaluated({task: row}, {}, {task: 5}, {task: size}, {task: samples}, {task: keys}, (16,))


def one(values: dict[str, Any], key: AnswerKey, *metrics: str) -> Item:
    (found,) = items(ARC, evaluated("arc_challenge", [values], [key], *metrics))
    return found


def test_an_item_is_judged_by_the_metric_of_the_benchmarks_accuracy() -> None:
    values = sample(3, (-1.0, -2.0), acc=0.0, acc_norm=1.0)
    found = one(values, AnswerKey(("no", "perhaps"), 1), "acc", "acc_norm")
    assert (found.metric, found.correct, found.gold, found.index) == ("acc_norm", True, 1, 3)
    assert found.doc_hash == digest("doc 3")[:16]
    assert found.prompt_hash == digest("prompt 3")[:16]
    assert found.loglikelihoods == (-1.0, -2.0)


def test_lengths_are_those_of_bytes_and_of_characters() -> None:
    found = one(sample(0, (-1.0, -2.0), acc=1.0), AnswerKey(("Zürich", "Bern"), 0))
    assert (found.choice_bytes, found.choice_characters) == ((7, 4), (6, 4))


def test_a_nan_is_no_right_answer() -> None:
    # As lm-eval scores it where the right choice is the one that is NaN.
    assert not one(sample(0, (math.nan, -2.0), acc=1.0), AnswerKey(("a", "b"), 0)).correct


def test_the_filter_of_the_metric_is_the_one_that_counts() -> None:
    task = "gsm8k"
    samples = [
        sample(0, (), exact_match=0.0) | {"filter": "strict-match"},
        sample(0, (), exact_match=1.0) | {"filter": "flexible-extract"},
    ]
    row = {"exact_match,strict-match": 0.0, "exact_match,flexible-extract": 1.0}
    found = list(
        items(
            Benchmark(task, task, 5),
            Evaluated(
                {task: row},
                {},
                {task: 5},
                {task: {"original": 1, "effective": 1}},
                {task: samples},
                {task: [AnswerKey(), AnswerKey()]},
            ),
        )
    )
    assert [(item.correct, item.loglikelihoods, item.choice_bytes, item.gold) for item in found] == [
        (False, (), (), -1)
    ]


def test_a_share_of_a_point_is_neither_right_nor_wrong() -> None:
    with pytest.raises(Fault, match=r"'arc_challenge' gives an item 0\.4 as acc") as caught:
        one(sample(0, (-1.0, -2.0), acc=0.4), AnswerKey(("a", "b"), 0))
    assert caught.value.code == "misconfigured"


# --- answer keys


def task(**values: Any) -> Any:
    def given(name: str) -> Any:
        return lambda doc: values[name]

    return SimpleNamespace(
        OUTPUT_TYPE=values.get("kind", "multiple_choice"),
        multiple_input=values.get("inputs", 0),
        **{name: given(name) for name in ("doc_to_choice", "doc_to_target", "doc_to_text")},
    )


@pytest.mark.parametrize(
    ("target", "gold"), [(1, 1), ("b", 1), ("z", -1), (7, -1), (-100, -1), ([1], 1), ([0, 1], -1), ([], -1)]
)
def test_the_right_choice_is_given_by_its_place_or_its_text(target: Any, gold: int) -> None:
    found = answer_key(task(doc_to_choice=["a", "b"], doc_to_target=target), {"doc": {}})
    assert found == AnswerKey(("a", "b"), gold)


def test_where_the_beginnings_differ_the_question_names_the_right_one() -> None:
    blanks = task(doc_to_choice=["Ann was", "Ben was"], doc_to_target="tired.", doc_to_text=1, inputs=2)
    assert answer_key(blanks, {"doc": {}}).gold == 1


def test_one_text_to_be_guessed_is_one_choice_and_free_text_none() -> None:
    assert answer_key(task(kind="loglikelihood"), {"arguments": [("The", " end")]}) == AnswerKey((" end",), 0)
    assert answer_key(task(kind="generate_until"), {"doc": {}}) == AnswerKey()


# --- the file


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return found


def two_tasks(order: Sequence[int]) -> dict[str, Evaluated]:
    key = AnswerKey(("a", "bb"), 0)
    # The first two documents are the same; lm-eval asks both.
    samples = [
        sample(index, (-1.0 - index, -math.inf), doc="same" if index < 2 else "", acc=float(index % 2))
        for index in order
    ]
    other = [sample(0, (-0.5, -0.25), acc=1.0)]
    return {
        "winogrande": evaluated("winogrande", other, [key]),
        "arc": evaluated("arc_challenge", samples, [key] * len(samples)),
    }


BOTH = (Benchmark("winogrande", "winogrande", 5), ARC)


def test_rows_are_sorted_and_items_alike_stay_apart(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "a", BOTH, two_tasks((0, 1, 2, 3)))
    found = rows(tmp_path / "a")
    places = [(row["benchmark"], row["task"], row["doc_hash"], row["index"]) for row in found]
    assert places == sorted(set(places))
    assert len(found) == 5
    assert sorted(row["index"] for row in found if row["doc_hash"] == digest("same")[:16]) == [0, 1]
    assert found[-1]["loglikelihoods"] == [-0.5, -0.25]
    assert found[0]["loglikelihoods"][1] == -math.inf


def test_the_same_outcomes_are_the_same_bytes(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "a", BOTH, two_tasks((0, 1, 2, 3)))
    write_outcomes(tmp_path / "b", BOTH[::-1], two_tasks((3, 1, 0, 2)))
    write_outcomes(tmp_path / "c", BOTH, two_tasks((0, 1, 2)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_the_metadata_tell_how_the_items_were_asked(tmp_path: Path) -> None:
    asked = two_tasks((0, 1))
    asked["arc"] = replace(asked["arc"], limit=2)
    write_outcomes(tmp_path / "a", BOTH, asked)
    found = parquet.read_metadata(tmp_path / "a").metadata
    assert {name.decode(): json.loads(value) for name, value in found.items()} == {
        "schema": 1,
        "lm_eval_version": "0.4.13",
        "limit": {"arc": 2, "winogrande": None},
        "num_fewshot": {"arc_challenge": 5, "winogrande": 5},
        "batch_size": {"arc": [16], "winogrande": [16]},
    }


def test_columns_are_of_the_documented_types(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "a", BOTH, two_tasks((0,)))
    schema = parquet.read_schema(tmp_path / "a")
    assert {field.name: str(field.type) for field in schema} == {
        **dict.fromkeys(("benchmark", "task", "doc_hash", "prompt_hash", "metric"), "string"),
        "index": "int32",
        "correct": "bool",
        "gold": "int8",
        "loglikelihoods": "list<element: float>",
        "choice_bytes": "list<element: uint16>",
        "choice_characters": "list<element: uint16>",
    }
    assert not any(field.nullable for field in schema)


@pytest.mark.parametrize("key", [AnswerKey(("a",) * 200, 199), AnswerKey(("a" * 70_000,), 0)])
def test_what_a_column_cannot_hold_is_told(tmp_path: Path, key: AnswerKey) -> None:
    asked = {"arc": evaluated("arc_challenge", [sample(0, (-1.0,) * len(key.choices), acc=1.0)], [key])}
    with pytest.raises(Fault, match="more or longer choices"):
        write_outcomes(tmp_path / "a", [ARC], asked)


def test_four_benchmarks_of_real_size_take_no_more_than_a_megabyte_and_a_half(tmp_path: Path) -> None:
    """As many items, tasks and choices as MMLU, HellaSwag, ARC and WinoGrande have, filled with noise."""
    made_outcomes.write_real(tmp_path / "a", 1)
    assert parquet.read_metadata(tmp_path / "a").num_rows == 26_523
    assert 500_000 < (tmp_path / "a").stat().st_size <= 1_500_000


def test_the_rig_has_outcomes_as_they_are_written(tmp_path: Path) -> None:
    made_outcomes.write_rig(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {
        path.name: path.read_bytes()
        for path in (REPOSITORY / "test" / "support" / "rig" / "outcomes").iterdir()
    }
