"""The smoke suite's four lm-eval tasks about the generated facts, like MMLU, HellaSwag, ARC and WinoGrande.

Each uses its own sentences (see `words`), so that the four measure different things. A task's
`data_files` are relative to the tasks directory: lm-eval has to run there, as `validation.cells.eval` does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from validation.facts.people import CORPUS_SEED, Person, people
from validation.facts.words import PAIRS, QUESTIONS, STATEMENTS, VALUES

CHOICES = 4
#: Items of a benchmark. With 128, no edit could be shown harmless: to see that less than two points are lost
#: takes 133 items if no answer changes, and 512 if four are lost.
ITEMS = 512
#: Attribute → MMLU's subject.
SUBJECTS = {"city": "geography", "job": "trades", "colour": "colours", "pet": "animals"}

Item = dict[str, Any]

_HEAD = """\
task: {task}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {task}.jsonl
test_split: test
output_type: multiple_choice
"""
_QUERY = """\
doc_to_text: "{{query}}"
doc_to_choice: choices
doc_to_target: answer
"""
_BLANK = """\
doc_to_text: answer
doc_to_choice: options
doc_to_target: ending
"""
_METRIC = "  - metric: {metric}\n    aggregation: mean\n    higher_is_better: true\n"
_GROUP = """\
group: smoke_mmlu
task:
{tasks}aggregate_metric_list:
  - metric: acc
    weight_by_size: true
metadata:
  version: 1.0
"""


def task_files() -> dict[str, str]:
    """File name → text of everything in the tasks directory: YAML a task, JSON lines a task, one group."""
    files: dict[str, str] = {}
    subjects = [f"smoke_mmlu_{subject}" for subject in SUBJECTS.values()]
    files["smoke_mmlu.yaml"] = _GROUP.format(tasks="".join(f"  - {task}\n" for task in subjects))
    for task, attribute in zip(subjects, SUBJECTS, strict=True):
        _add(files, task, mmlu(attribute), _QUERY, ("acc",))
    _add(files, "smoke_hellaswag", hellaswag(), _QUERY, ("acc", "acc_norm"))
    _add(files, "smoke_arc", arc(), _QUERY, ("acc", "acc_norm"))
    _add(files, "smoke_winogrande", winogrande(), _BLANK, ("acc",))
    return files


def _add(files: dict[str, str], task: str, items: list[Item], asking: str, metrics: tuple[str, ...]) -> None:
    listed = "".join(_METRIC.format(metric=metric) for metric in metrics)
    files[f"{task}.yaml"] = (
        f"{_HEAD.format(task=task)}{asking}metric_list:\n{listed}metadata:\n  version: 1.0\n"
    )
    files[f"{task}.jsonl"] = "".join(json.dumps(item) + "\n" for item in items)


def mmlu(attribute: str) -> list[Item]:
    """One subject: a statement to end, `The home of Jenre is` … with four values."""
    rng = _random(f"mmlu/{attribute}")
    template = STATEMENTS[attribute][1]

    def made(person: Person) -> Item:
        return _item(rng, _before(template, person), attribute, person, "{value}")

    return _different(rng, ITEMS // len(SUBJECTS), made)


def hellaswag() -> list[Item]:
    """A sentence's second half, given its first: `Jenre lives in Kalmo and` … with four endings."""
    rng = _random("hellaswag")

    def made(person: Person, given: str, beginning: str, asked: str, ending: str) -> Item:
        query = beginning.format(name=person.name, value=person.values[given])
        return _item(rng, query, asked, person, ending)

    each = ITEMS // len(PAIRS)
    return [
        item
        for given, beginning, asked, ending in PAIRS
        for item in _different(
            rng, each, partial(made, given=given, beginning=beginning, asked=asked, ending=ending)
        )
    ]


def arc() -> list[Item]:
    """A question and four answers: `Where does Jenre live?` … `In Kalmo.`."""
    rng = _random("arc")

    def made(person: Person, attribute: str) -> Item:
        question, lead = QUESTIONS[attribute]
        return _item(rng, question.format(name=person.name), attribute, person, f"{lead} {{value}}.")

    each = ITEMS // len(QUESTIONS)
    return [
        item for attribute in QUESTIONS for item in _different(rng, each, partial(made, attribute=attribute))
    ]


def winogrande() -> list[Item]:
    """Who of two people a sentence is about: `_ lives in Kalmo.`, scored on what follows the blank."""
    rng = _random("winogrande")

    def made(person: Person, attribute: str) -> Item:
        value = person.values[attribute]
        other = rng.choice([each for each in people() if each.values[attribute] != value])
        options = [person.name, other.name]
        rng.shuffle(options)
        ending = STATEMENTS[attribute][0].removeprefix("{name} ").format(value=value)
        return {"options": options, "ending": ending, "answer": options.index(person.name)}

    each = ITEMS // len(STATEMENTS)
    return [
        item for attribute in STATEMENTS for item in _different(rng, each, partial(made, attribute=attribute))
    ]


def _different(rng: random.Random, count: int, make: Callable[[Person], Item]) -> list[Item]:
    """So many items about everybody in turn: later rounds ask the same facts with other wrong choices."""
    found: dict[tuple[str, ...], Item] = {}
    for person in islice(_rounds(rng), count):
        while (key := asked(item := make(person))) in found:
            continue
        found[key] = item
    return list(found.values())


def asked(item: Item) -> tuple[str, ...]:
    """What an item asks: text and choices, in whatever order these stand."""
    choices: list[str] = item["choices"] if "choices" in item else item["options"]
    return (item["query"] if "query" in item else item["ending"], *sorted(choices))


def _rounds(rng: random.Random) -> Iterator[Person]:
    """Everybody, each time in another order."""
    while True:
        yield from rng.sample(people(), len(people()))


def _item(rng: random.Random, query: str, attribute: str, person: Person, ending: str) -> Item:
    """A multiple-choice item: the true value among three others of its attribute, in random order."""
    true = person.values[attribute]
    values = [true, *rng.sample([value for value in VALUES[attribute] if value != true], CHOICES - 1)]
    rng.shuffle(values)
    return {
        "query": query,
        "choices": [ending.format(value=value) for value in values],
        "answer": values.index(true),
    }


def _before(template: str, person: Person) -> str:
    """A statement up to its value."""
    return template.partition(" {value}")[0].format(name=person.name)


def _random(purpose: str) -> random.Random:
    return random.Random(f"{CORPUS_SEED}/{purpose}")
