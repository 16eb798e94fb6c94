"""Kind `eval` on tasks of a suite's own: answers that the model writes, and code that a task brings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from validation.cells.eval import run
from validation.doctor.data import tasks as doctors
from validation.evaluation.lm_eval_adapter import TaskSource
from validation.evaluation.results import Benchmark, Evaluated, summary
from validation.facts.model import make
from validation.job import Device, Fault, Job, Part, Read
from validation.weights.store import Store, locked_entry

#: As GSM8K's: text until a stop, an answer found in it by two filters, compared exactly.
WRITTEN = """
task: written
dataset_path: json
dataset_kwargs:
  data_files:
    test: written.jsonl
test_split: test
output_type: generate_until
doc_to_text: "{{query}}"
doc_to_target: "{{answer}}"
generation_kwargs:
  until: ["\\n"]
  do_sample: false
  max_gen_toks: 6
filter_list:
  - name: strict-match
    filter:
      - { function: regex, regex_pattern: "^(.*)$" }
      - { function: take_first }
  - name: flexible-extract
    filter:
      - { function: regex, group_select: -1, regex_pattern: "(\\\\w+)" }
      - { function: take_first }
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1.0
"""
CODE = "\nprocess_results: !function utils.scored\n"


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Read:
    root = tmp_path_factory.mktemp("subject")
    spec = {"architecture": "llama", "seed": 1, "hidden_size": 32, "intermediate_size": 64, "num_layers": 1}
    made = root / "made"
    made.mkdir()
    make(spec | {"num_heads": 2, "steps": 2, "batch_size": 1, "learning_rate": 0.001}, made)
    with locked_entry(Store(root / "store", "a" * 64)) as entry:
        for path in made.iterdir():
            (entry.draft / path.name).write_bytes(path.read_bytes())
        entry.commit("cpu")
        return Read(entry.path, None, "")


def job(root: Path, subject: Read, tasks: Path, **spec: Any) -> Job:
    for name in ("work", "out"):
        (root / name).mkdir(parents=True)
    asked = [{"name": "mine", "task": "written", "fewshot": 0, "generates": 6}]
    part = Part("eval", {"benchmarks": asked, "batch_size": 4, "seed": 1, **spec}, root / "out", None)
    reads = {"subject": subject, "tasks": Read(tasks, None, "")}
    device = Device("cpu", "cpu", 0, 1)
    return Job("x.m.baseline:eval", "eval", "m", "tiny", device, root / "work", root / "logs", reads, (part,))


def write_task(directory: Path, answers: list[str], text: str = WRITTEN) -> Path:
    directory.mkdir()
    (directory / "written.yaml").write_text(text)
    rows = [
        {"query": f"Where does {name} live?", "answer": each}
        for name, each in zip("abcdef", answers, strict=False)
    ]
    (directory / "written.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return directory


def results_of(job: Job) -> dict[str, Any]:
    run(job)
    found: dict[str, Any] = json.loads((job.only.out / "results.json").read_text())
    return found


def test_written_answers_are_matched_exactly(subject: Read, tmp_path: Path) -> None:
    """What this model writes is known only once it has: half of it is then made the right answer."""
    first = job(tmp_path / "first", subject, write_task(tmp_path / "none", ["no such thing"] * 6))
    assert results_of(first)["benchmarks"]["mine"]["accuracy"] == 0
    logged = [json.loads(line) for line in (first.logs / "samples_written.jsonl").read_text().splitlines()]
    written = [each["filtered_resps"][0] for each in logged if each["filter"] == "strict-match"]
    assert len(written) == 6 and all(isinstance(each, str) for each in written)
    right = [each if at % 2 else "wrong" for at, each in enumerate(written)]
    second = job(tmp_path / "second", subject, write_task(tmp_path / "half", right))
    found = results_of(second)["benchmarks"]["mine"]
    assert found == {**found, "metric": "exact_match,strict-match", "accuracy": 0.5, "n": 6}
    rows = parquet.read_table(second.only.out / "outcomes.parquet").to_pylist()
    assert [row["correct"] for row in sorted(rows, key=lambda row: row["index"])] == [False, True] * 3
    assert {(row["metric"], row["gold"], len(row["loglikelihoods"])) for row in rows} == {
        ("exact_match", -1, 0)
    }


def test_more_tokens_than_the_model_has_positions_are_told(subject: Read, tmp_path: Path) -> None:
    task = WRITTEN.replace("max_gen_toks: 6", "max_gen_toks: 100000")
    asked = job(tmp_path / "job", subject, write_task(tmp_path / "tasks", ["a"] * 6, task))
    with pytest.raises(Fault, match=r"'written' cannot be evaluated .*must be less than") as caught:
        run(asked)
    assert caught.value.code == "misconfigured"


def test_a_text_may_say_nan() -> None:
    rows = {"t": {"exact_match,none": 0.5, "exact_match_stderr,none": 0.1}}
    samples = {"t": [{"filtered_resps": ["nan"]}, {"filtered_resps": ["1"]}]}
    sizes = {"t": {"original": 2, "effective": 2}}
    asked = Evaluated(rows, {}, {}, sizes, samples, generated=frozenset({"t"}))
    assert summary(Benchmark("t", "t", 0), asked)["accuracy"] == 0.5


@pytest.mark.parametrize(
    ("reported", "metric"),
    [
        ({"exact_match,get-answer": 0.5}, "exact_match,get-answer"),
        ({"exact_match,strict-match": 0.5, "exact_match,flexible-extract": 0.7}, "exact_match,strict-match"),
        ({"acc,mine": 0.5, "f1,none": 0.2}, "acc,mine"),
    ],
)
def test_an_accuracy_behind_a_filter_of_ones_own(reported: dict[str, float], metric: str) -> None:
    sizes = {"t": {"original": 2, "effective": 2}}
    asked = Evaluated({"t": reported}, {}, {}, sizes, {"t": []})
    assert summary(Benchmark("t", "t", 0), asked)["metric"] == metric


def test_which_of_two_filters_counts_is_not_guessed() -> None:
    sizes = {"t": {"original": 2, "effective": 2}}
    rows = {"t": {"exact_match,first": 0.5, "exact_match,last": 0.5}}
    with pytest.raises(Fault, match="only exact_match,first, exact_match,last"):
        summary(Benchmark("t", "t", 0), Evaluated(rows, {}, {}, sizes, {"t": []}))


def with_code(directory: Path) -> Path:
    """A task whose code leaves a mark as soon as it is loaded."""
    made = write_task(directory, ["a"] * 6, WRITTEN + CODE)
    (made / "utils.py").write_text(
        f"open({str(directory.parent / 'ran')!r}, 'w').close()\n"
        "def scored(doc, results):\n    return {'exact_match': float(len(results) == 1)}\n"
    )
    return made


def test_code_of_a_task_runs_only_where_it_is_trusted(subject: Read, tmp_path: Path) -> None:
    tasks = with_code(tmp_path / "tasks")
    with pytest.raises(Fault) as caught:
        run(job(tmp_path / "refused", subject, tasks))
    assert caught.value.code == "misconfigured"
    assert str(caught.value) == (
        "tasks of the suite run Python of their own (written.yaml: !function utils.scored)"
    )
    assert "trust_task_code: true" in caught.value.hint
    assert not (tmp_path / "ran").exists()
    found = results_of(job(tmp_path / "trusted", subject, tasks, trust_task_code=True))
    assert found["benchmarks"]["mine"]["accuracy"] == 1
    assert (tmp_path / "ran").exists()


def test_what_a_task_includes_from_elsewhere_must_be_in_the_identity(subject: Read, tmp_path: Path) -> None:
    tasks, shared = write_task(tmp_path / "tasks", ["a"] * 6), tmp_path / "shared"
    shared.mkdir()
    (shared / "base.yaml").write_text(WRITTEN + CODE)
    (shared / "utils.py").write_text("def scored(doc, results):\n    return {'exact_match': 1.0}\n")
    (tasks / "written.yaml").write_text("include: ../shared/base.yaml\n")
    with pytest.raises(Fault, match="were not known when its projects were made") as caught:
        run(job(tmp_path / "unknown", subject, tasks, trust_task_code=True))
    assert caught.value.code == "misconfigured" and "shared/utils.py" in str(caught.value)
    reads = {
        f"included-{at}": Read(shared / each, None, "") for at, each in enumerate(("base.yaml", "utils.py"))
    }
    known = job(tmp_path / "known", subject, tasks)
    with pytest.raises(Fault, match=r"Python of their own \(.*base\.yaml: !function utils\.scored\)"):
        run(replace(known, reads=known.reads | reads))
    trusted = job(tmp_path / "trusted", subject, tasks, trust_task_code=True)
    found = results_of(replace(trusted, reads=trusted.reads | reads))
    assert found["benchmarks"]["mine"]["accuracy"] == 1
    question = {"task": "written", "fewshot": 0, "revisions": {}, "stored": None}
    questions = {
        **{"tasks": [question], "include_path": str(tasks), "offline": True, "trust_task_code": True},
        **{"work": str(tmp_path), "included": [str(each.path) for each in reads.values()]},
    }
    assert [each["level"] for each in doctors(questions)] == ["ok"]
    with pytest.raises(Fault, match=r"base\.yaml"):
        list(doctors(questions | {"included": [str(shared / "utils.py")]}))


@pytest.mark.parametrize("trusted", [False, True])
def test_the_doctor_runs_none_either(tmp_path: Path, trusted: bool) -> None:
    question = {"task": "written", "fewshot": 0, "revisions": {}, "stored": None}
    questions = {
        **{"tasks": [question], "include_path": str(with_code(tmp_path / "tasks")), "offline": True},
        **{"work": str(tmp_path), "trust_task_code": trusted},
    }
    (found,) = doctors(questions)
    assert found["level"] == ("ok" if trusted else "error")
    assert ("!function utils.scored" in found["message"]) != trusted
    assert (tmp_path / "ran").exists() == trusted


def test_code_below_another_tag_or_in_a_file_beside_counts(tmp_path: Path) -> None:
    made = write_task(tmp_path / "tasks", [])
    (made / "deep").mkdir()
    (made / "deep" / "other.yaml").write_text("task: other\nmetric_list:\n  - metric: !function a.b\n")
    with pytest.raises(Fault, match=r"deep/other\.yaml: !function a\.b"):
        TaskSource(made).require_trusted()
    TaskSource(made, trusted=True).require_trusted()
    TaskSource(None).require_trusted()
