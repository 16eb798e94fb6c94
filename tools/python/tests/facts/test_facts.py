"""The generated corpus: what it promises InvarLock and lm-eval, and that the committed files are its own."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import SMOKE

from validation.facts.__main__ import main, suite_files
from validation.facts.corpus import DOCUMENT_TOKENS, TOKEN, documents, held_out, training, vocabulary
from validation.facts.people import PEOPLE, people
from validation.facts.tasks import CHOICES, ITEMS, arc, asked, hellaswag, mmlu, task_files, winogrande
from validation.facts.words import VALUES


def test_committed_files_are_what_is_generated(tmp_path: Path) -> None:
    main(["--write", str(tmp_path)])
    made = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert set(made) == set(suite_files())
    for name, content in made.items():
        assert (SMOKE / name).read_bytes() == content, (
            f"{name}: run python -m validation.facts --write suites/smoke"
        )


def test_no_committed_task_file_is_left_over() -> None:
    assert {path.name for path in (SMOKE / "tasks").iterdir()} == set(task_files())


def test_held_out_lines_are_different_and_fill_a_window() -> None:
    lines = held_out()
    assert len(set(lines)) == len(lines) == 1600
    assert min(len(TOKEN.findall(line)) for line in lines) >= DOCUMENT_TOKENS


def test_held_out_lines_are_not_trained_on() -> None:
    assert not set(held_out()) & set(islice(training(1, DOCUMENT_TOKENS), 2400))


def test_people_have_names_of_their_own_and_no_value_is_the_better_guess() -> None:
    assert len({person.name for person in people()}) == PEOPLE
    for attribute, values in VALUES.items():
        counts = Counter(person.values[attribute] for person in people())
        assert counts == {value: PEOPLE // len(values) for value in values}


@settings(max_examples=20, deadline=None)
@given(seed=st.text(max_size=8), tokens=st.integers(1, 300))
def test_documents_follow_from_the_seed_and_are_long_enough(seed: str, tokens: int) -> None:
    first = list(islice(documents(seed, tokens), 3))
    assert first == list(islice(documents(seed, tokens), 3))
    words = set(vocabulary())
    for document in first:
        found = TOKEN.findall(document)
        assert len(found) >= tokens
        assert words.issuperset(found)


def test_every_answer_is_true_and_the_only_true_one() -> None:
    by_name = {person.name: person for person in people()}
    for items in ([item for attribute in VALUES for item in mmlu(attribute)], hellaswag(), arc()):
        assert len(items) == ITEMS
        for item in items:
            (person,) = [by_name[word] for word in TOKEN.findall(item["query"]) if word in by_name]
            assert len(set(item["choices"])) == CHOICES
            (attribute,) = [
                attribute
                for attribute, values in VALUES.items()
                if all(set(TOKEN.findall(choice)) & set(values) for choice in item["choices"])
            ]
            right = [person.values[attribute] in TOKEN.findall(choice) for choice in item["choices"]]
            assert right.index(True) == item["answer"]
            assert sum(right) == 1


def test_a_blank_fits_one_of_the_two() -> None:
    by_name = {person.name: set(person.values.values()) for person in people()}
    items = winogrande()
    assert len(items) == ITEMS
    for item in items:
        said = set(TOKEN.findall(item["ending"]))
        assert [bool(said & by_name[name]) for name in item["options"]].index(True) == item["answer"]
        assert not all(said & by_name[name] for name in item["options"])


def test_no_two_items_are_alike_whatever_the_order_of_their_choices() -> None:
    for items in (
        [item for attribute in VALUES for item in mmlu(attribute)],
        hellaswag(),
        arc(),
        winogrande(),
    ):
        assert len({asked(item) for item in items}) == ITEMS


def test_every_fact_is_asked_as_often_as_another() -> None:
    for items in ([item for attribute in VALUES for item in mmlu(attribute)], hellaswag(), arc()):
        counts = Counter(item["query"] for item in items)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_answers_stand_in_every_place() -> None:
    for items, choices in ((hellaswag(), CHOICES), (arc(), CHOICES), (winogrande(), 2)):
        counts = Counter(item["answer"] for item in items)
        assert len(counts) == choices
        assert max(counts.values()) < 2 * ITEMS / choices


def test_tasks_name_files_beside_them() -> None:
    files = task_files()
    for name, text in files.items():
        if name.endswith(".jsonl"):
            assert all(json.loads(line) for line in text.splitlines())
            continue
        raw = yaml.safe_load(text)
        if "group" in raw:
            assert len(raw["task"]) >= 3
            assert all(f"{task}.yaml" in files for task in raw["task"])
        else:
            assert raw["dataset_kwargs"]["data_files"]["test"] in files
