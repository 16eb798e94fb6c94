"""The smoke suite's four lm-eval tasks about the generated facts, like MMLU, HellaSwag, ARC and WinoGrande.

Each uses its own sentences (see `words`), so that the four measure different things. A task's
`data_files` are relative to the tasks directory: lm-eval has to run there, as `validation.cells.eval` does.
"""

from __future__ import annotations

import json
import random
from typing import Any

from validation.facts.people import CORPUS_SEED, Person, people
from validation.facts.words import PAIRS, QUESTIONS, STATEMENTS, VALUES

CHOICES = 4
ITEMS = 128
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
    return [
        _item(rng, _before(template, person), attribute, person, "{value}")
        for person in rng.sample(people(), ITEMS // len(SUBJECTS))
    ]


def hellaswag() -> list[Item]:
    """A sentence's second half, given its first: `Jenre lives in Kalmo and` … with four endings."""
    rng = _random("hellaswag")
    found: list[Item] = []
    for given, beginning, asked, ending in PAIRS:
        for person in rng.sample(people(), ITEMS // len(PAIRS)):
            query = beginning.format(name=person.name, value=person.values[given])
            found.append(_item(rng, query, asked, person, ending))
    return found


def arc() -> list[Item]:
    """A question and four answers: `Where does Jenre live?` … `In Kalmo.`."""
    rng = _random("arc")
    found: list[Item] = []
    for attribute, (question, lead) in QUESTIONS.items():
        for person in rng.sample(people(), ITEMS // len(QUESTIONS)):
            found.append(
                _item(rng, question.format(name=person.name), attribute, person, f"{lead} {{value}}.")
            )
    return found


def winogrande() -> list[Item]:
    """Who of two people a sentence is about: `_ lives in Kalmo.`, scored on what follows the blank."""
    rng = _random("winogrande")
    found: list[Item] = []
    for attribute, (template, _) in STATEMENTS.items():
        for person in rng.sample(people(), ITEMS // len(STATEMENTS)):
            value = person.values[attribute]
            other = rng.choice([each for each in people() if each.values[attribute] != value])
            options = [person.name, other.name]
            rng.shuffle(options)
            ending = template.removeprefix("{name} ").format(value=value)
            found.append({"options": options, "ending": ending, "answer": options.index(person.name)})
    return found


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
