"""Kind `eval`: accuracies from lm-eval's results, and a real evaluation of a tiny model on local tasks."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from repository import SMOKE
from safetensors.torch import load, load_file, save_file

from validation.cells.eval import run
from validation.evaluation.lm_eval_adapter import Evaluator, TaskSource
from validation.evaluation.model_loading import Loading, batch_of, load_model
from validation.evaluation.prefixes.model import SharedPrefixLM
from validation.evaluation.results import Benchmark, Evaluated, not_a_number, strict, summary
from validation.facts.model import make
from validation.job import Device, Fault, Job, Part, Read
from validation.weights.store import Store, locked_entry

TASKS = SMOKE / "tasks"
CPU = Device("cpu", "cpu", 0, 1)


def evaluated(rows: dict[str, dict[str, Any]], counts: dict[str, int], answer: float = -1.0) -> Evaluated:
    samples = {task: [{"filtered_resps": [(answer, False), (-2.0, False)]}] for task in counts}
    sizes = {task: {"original": 1000, "effective": count} for task, count in counts.items()}
    return Evaluated(rows, {}, {}, sizes, samples)


# --- accuracies


def test_length_normalised_accuracy_is_preferred() -> None:
    row = {"acc,none": 0.5, "acc_stderr,none": 0.1, "acc_norm,none": 0.75, "acc_norm_stderr,none": 0.2}
    found = summary(
        Benchmark("arc", "arc_challenge", 5), evaluated({"arc_challenge": row}, {"arc_challenge": 8})
    )
    assert found == {
        "task": "arc_challenge",
        "metric": "acc_norm,none",
        "accuracy": 0.75,
        "stderr": 0.2,
        "n": 8,
    }


def test_a_group_has_its_own_accuracy_and_the_samples_of_its_tasks() -> None:
    rows = {
        "mmlu": {"acc,none": 0.6, "acc_stderr,none": 0.05},
        "a": {"acc,none": 0.5, "acc_stderr,none": 0.1},
        "b": {"acc,none": 1.0, "acc_stderr,none": 0.0},
    }
    found = summary(Benchmark("mmlu", "mmlu", 5), evaluated(rows, {"a": 40, "b": 10}))
    assert (found["accuracy"], found["stderr"], found["n"]) == (0.6, 0.05, 50)


def test_the_tasks_of_a_tag_are_pooled_by_their_size() -> None:
    rows = {
        "a": {"acc,none": 0.5, "acc_stderr,none": 0.1},
        "b": {"acc,none": 1.0, "acc_stderr,none": 0.0, "acc_norm,none": 0.1},
    }
    found = summary(Benchmark("tagged", "some_tag", 0), evaluated(rows, {"a": 30, "b": 10}))
    assert found["metric"] == "acc,none"
    assert found["accuracy"] == pytest.approx((30 * 0.5 + 10 * 1.0) / 40)
    assert found["stderr"] == pytest.approx(30 * 0.1 / 40)


def test_an_answer_that_is_nan_leaves_no_accuracy() -> None:
    rows = {"arc": {"acc,none": 0.25, "acc_stderr,none": 0.1}}
    found = summary(Benchmark("arc", "arc", 0), evaluated(rows, {"arc": 4}, answer=math.nan))
    assert (found["accuracy"], found["stderr"], found["n"]) == (None, None, 4)


def test_minus_infinity_is_an_answer() -> None:
    assert not not_a_number([{"filtered_resps": [(-math.inf, False)]}])
    assert not_a_number([{"filtered_resps": [("nan", "False")]}])


def test_a_stderr_lm_eval_cannot_compute_is_null() -> None:
    rows = {"arc": {"acc,none": 0.25, "acc_stderr,none": "N/A"}}
    assert summary(Benchmark("arc", "arc", 0), evaluated(rows, {"arc": 4}))["stderr"] is None


def test_a_task_without_an_accuracy_is_refused_by_name() -> None:
    rows = {"wiki": {"word_perplexity,none": 9.0, "word_perplexity_stderr,none": "N/A", "alias": "wiki"}}
    with pytest.raises(Fault, match=r"'wiki' reports no accuracy, only word_perplexity,none$") as caught:
        summary(Benchmark("wiki", "wiki", 0), evaluated(rows, {"wiki": 4}))
    assert caught.value.code == "misconfigured"


@pytest.mark.parametrize(
    ("rows", "counts", "message"),
    [
        ({"arc": {"acc,none": "N/A"}}, {"arc": 4}, "'arc' reports 'N/A' as acc,none"),
        ({"arc": {"acc,none": 0.5}}, {"arc": 0}, "no questions"),
        ({}, {}, "no questions"),
    ],
)
def test_nothing_to_count(rows: dict[str, dict[str, Any]], counts: dict[str, int], message: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        summary(Benchmark("arc", "arc", 0), evaluated(rows, counts))
    assert caught.value.code == "misconfigured"


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(json_like)
def test_strict_gives_strict_json_and_keeps_what_is_finite(value: Any) -> None:
    once = strict(value)
    assert strict(json.loads(json.dumps(once, allow_nan=False))) == once


# --- where tasks come from


def write_tasks(directory: Path, **texts: str) -> TaskSource:
    directory.mkdir(exist_ok=True)
    for name, text in texts.items():
        (directory / f"{name}.yaml").write_text(text)
    return TaskSource(directory)


def test_a_directory_that_defines_all_tasks_with_local_data_needs_no_network(tmp_path: Path) -> None:
    source = write_tasks(
        tmp_path,
        one="task: one\ntag: [both]\ndataset_path: json\ndoc_to_text: !function utils.text\n",
        two="task: two\ntag: both\ndataset_path: csv\n",
        group="group: all\ntask: [one, two]\n",
    )
    assert source.covers(["one", "two", "both", "all"])
    assert source.offline(["all"])
    assert not source.offline(["one", "hellaswag"])


def test_data_on_the_hub_needs_the_network(tmp_path: Path) -> None:
    source = write_tasks(tmp_path, one="task: one\ndataset_path: allenai/ai2_arc\n")
    assert source.covers(["one"])
    assert not source.offline(["one"])


def test_no_directory_covers_nothing() -> None:
    assert not TaskSource(None).covers(["hellaswag"])


def test_a_torn_task_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"one\.yaml: not a task definition") as caught:
        write_tasks(tmp_path, one="task: [one\n")
    assert caught.value.code == "misconfigured"


@pytest.mark.parametrize("value", ["[json]", "{a: b}", "3"])
def test_a_data_set_is_named_by_a_text(tmp_path: Path, value: str) -> None:
    with pytest.raises(Fault, match=r"one\.yaml: dataset_path") as caught:
        write_tasks(tmp_path, one=f"task: one\ndataset_path: {value}\n")
    assert caught.value.code == "misconfigured"


@pytest.mark.parametrize(
    ("size", "fixed", "passed"),
    [
        (8, False, (8, 8)),
        ("auto:16", False, ("auto", 16)),
        ("auto", False, ("auto", 64)),
        ("auto:16", True, (16, 16)),
        ("auto", True, (64, 64)),
    ],
)
def test_auto_n_is_a_cap_and_nothing_is_tried_on_a_cpu_or_a_shared_gpu(
    size: int | str, fixed: bool, passed: tuple[int | str, int]
) -> None:
    assert batch_of(size, fixed=fixed) == passed


# --- the real thing


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    spec = {"architecture": "llama", "seed": 1, "hidden_size": 32, "intermediate_size": 64, "num_layers": 1}
    make(spec | {"num_heads": 2, "steps": 2, "batch_size": 1, "learning_rate": 0.001}, directory)
    return directory


def stored(weights: Path, root: Path, *, broken: bool = False) -> Read:
    """An entry of a store with these weights, all NaN when `broken`."""
    root.mkdir()
    with locked_entry(Store(root, "a" * 64)) as entry:
        for path in weights.iterdir():
            content = path.read_bytes()
            if broken and path.name == "model.safetensors":
                tensors = {
                    name: torch.full_like(tensor, math.nan) for name, tensor in load_file(path).items()
                }
                save_file(tensors, root / "nan.safetensors", {"format": "pt"})
                content = (root / "nan.safetensors").read_bytes()
            (entry.draft / path.name).write_bytes(content)
        entry.commit("cpu")
        return Read(entry.path, None, "")


def job(root: Path, subject: Read, *benchmarks: tuple[str, str]) -> Job:
    for name in ("work", "out"):
        (root / name).mkdir(parents=True)
    asked = [{"name": name, "task": task, "fewshot": 0} for name, task in benchmarks]
    spec = {"benchmarks": asked, "batch_size": 32, "seed": 1234, "tasks": "tasks"}
    reads = {"subject": subject, "tasks": Read(TASKS, None, "")}
    part = Part("baseline", spec, root / "out", None)
    return Job("smoke.tiny:eval", "eval", "tiny", "tiny", CPU, root / "work", root / "logs", reads, (part,))


def hugging_face() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in ("HF_HOME", "HF_HUB_OFFLINE")}


def test_an_evaluation_is_strict_and_the_same_every_time(weights: Path, tmp_path: Path) -> None:
    subject = stored(weights, tmp_path / "store")
    directory, environment = Path.cwd(), hugging_face()
    found, outcomes = [], []
    for name in ("first", "second"):
        asked = job(tmp_path / name, subject, ("mmlu", "smoke_mmlu"), ("winogrande", "smoke_winogrande"))
        run(asked)
        found.append((asked.only.out / "results.json").read_bytes())
        outcomes.append((asked.only.out / "outcomes.parquet").read_bytes())
    assert found[0] == found[1]
    assert outcomes[0] == outcomes[1]
    assert str(tmp_path).encode() not in found[0]
    assert (Path.cwd(), hugging_face()) == (directory, environment)

    results = json.loads(found[0])
    assert results["benchmarks"]["mmlu"]["metric"] == "acc,none"
    assert results["benchmarks"]["mmlu"]["n"] == results["benchmarks"]["winogrande"]["n"] == 512
    assert 0 < results["benchmarks"]["mmlu"]["accuracy"] < 0.6
    assert {"smoke_mmlu", "smoke_mmlu_trades", "smoke_winogrande"} <= set(results["results"])
    assert results["n-samples"]["smoke_winogrande"] == {"original": 512, "effective": 512}
    logged = tmp_path / "first" / "logs" / "samples_smoke_mmlu_trades.jsonl"
    assert len([json.loads(line) for line in logged.read_text().splitlines()]) == 128


def test_what_an_evaluation_did_beside_its_model_is_told(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr("validation.cells.eval.emit", lambda event, **fields: told.append((event, fields)))
    began = time.monotonic()
    run(
        job(
            tmp_path / "job",
            stored(weights, tmp_path / "store"),
            ("arc", "smoke_arc"),
            ("mmlu", "smoke_mmlu"),
        )
    )
    took = time.monotonic() - began
    (started,) = (number for number, (event, _) in enumerate(told) if event == "started")
    ((number, beside),) = ((number, each) for number, (event, each) in enumerate(told) if event == "beside")
    assert started < number and 0 < beside["seconds"] < took


def test_what_is_made_once_changes_no_byte(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Templates compiled and contexts tokenized once, and as lm-eval does it: each time."""
    from jinja2 import Environment
    from lm_eval.models.huggingface import HFLM

    subject = stored(weights, tmp_path / "store")
    compiled, encoded = [], []
    compile_template, encode = Environment.compile, HFLM.tok_encode

    def counted(self: Any, source: Any, *args: Any, **named: Any) -> Any:
        compiled.append(source)
        return compile_template(self, source, *args, **named)

    def counted_too(self: Any, string: str, *args: Any, **named: Any) -> Any:
        encoded.append(string)
        return encode(self, string, *args, **named)

    monkeypatch.setattr(Environment, "compile", counted)
    monkeypatch.setattr(HFLM, "tok_encode", counted_too)

    def found(name: str) -> tuple[list[bytes], list[str], list[str]]:
        compiled.clear()
        encoded.clear()
        asked = job(tmp_path / name, subject, ("mmlu", "smoke_mmlu"), ("winogrande", "smoke_winogrande"))
        for benchmark in asked.only.spec["benchmarks"]:
            benchmark["fewshot"] = 2
        run(asked)
        written = [*asked.only.out.iterdir(), *asked.logs.iterdir()]
        return [path.read_bytes() for path in sorted(written)], compiled[:], encoded[:]

    once, few_templates, few_texts = found("once")
    monkeypatch.setattr("validation.evaluation.lm_eval_adapter.compiled_once", nullcontext)
    monkeypatch.setattr(SharedPrefixLM, "tok_encode", counted_too)
    each_time, templates, texts = found("each-time")
    assert len(once) == 7
    assert once == each_time
    assert sorted(few_templates) == sorted(set(templates))  # a benchmark has them once, and no two share one
    assert len(templates) > 1000
    # Of each question with four answers, its context once in place of four times.
    assert set(few_texts) == set(texts)
    assert len(texts) - len(few_texts) == 3 * 512


def test_with_shared_prefixes_the_answers_are_the_same_but_for_rounding(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr("validation.cells.eval.report_settings", told.append)
    subject = stored(weights, tmp_path / "store")
    tables, results = {}, {}
    for name in ("off", "auto"):
        asked = job(tmp_path / name, subject, ("mmlu", "smoke_mmlu"), ("hellaswag", "smoke_hellaswag"))
        asked.only.spec["shared_prefix"] = name
        run(asked)
        tables[name] = parquet.read_table(asked.only.out / "outcomes.parquet").to_pylist()
        results[name] = json.loads((asked.only.out / "results.json").read_text())
    for one, other in zip(tables["off"], tables["auto"], strict=True):
        assert (one["doc_hash"], one["prompt_hash"], one["gold"]) == (
            other["doc_hash"],
            other["prompt_hash"],
            other["gold"],
        )
        assert other["loglikelihoods"] == pytest.approx(one["loglikelihoods"], rel=0.02)
        if one["correct"] != other["correct"]:  # a tie of bf16
            lengths = one["choice_characters"] if one["metric"] == "acc_norm" else [1, 1, 1, 1]
            shares = [value / length for value, length in zip(one["loglikelihoods"], lengths, strict=True)]
            second, first = sorted(shares)[-2:]
            assert first - second <= 0.02 * abs(first)
    assert {each["way"] for each in results["off"]["shared_prefix"].values()} == {"lm-eval"}
    for found in results["auto"]["shared_prefix"].values():
        assert found["way"] == "packs" and found["sample"]["trusted"]
        assert found["tokens_computed"] < 0.75 * found["tokens_asked"]
    off, auto = told
    assert off["shared_prefix_why"] == "evaluation.shared_prefix is off"
    assert (auto["shared_prefix"], auto["torch_compile"]) == ("packs", False)
    assert auto["tokens_computed"] < auto["tokens_asked"] == off["tokens_asked"]


def test_outcomes_hold_what_the_accuracies_are_made_of(weights: Path, tmp_path: Path) -> None:
    asked = job(
        tmp_path / "job",
        stored(weights, tmp_path / "store"),
        *((name, f"smoke_{name}") for name in ("mmlu", "hellaswag", "arc", "winogrande")),
    )
    run(asked)
    results = json.loads((asked.only.out / "results.json").read_text())["benchmarks"]
    table = parquet.read_table(asked.only.out / "outcomes.parquet")
    rows = table.to_pylist()
    for name, result in results.items():
        own = [row for row in rows if row["benchmark"] == name]
        assert len(own) == result["n"]
        assert {row["metric"] for row in own} == {result["metric"].partition(",")[0]}
        assert sum(row["correct"] for row in own) / len(own) == pytest.approx(result["accuracy"])
    for row in rows:
        lengths = (
            row["choice_characters"] if row["metric"] == "acc_norm" else [1] * len(row["loglikelihoods"])
        )
        shares = [value / length for value, length in zip(row["loglikelihoods"], lengths, strict=True)]
        assert row["correct"] == (shares.index(max(shares)) == row["gold"])
    assert {len(row["loglikelihoods"]) for row in rows} == {2, 4}
    assert json.loads(table.schema.metadata[b"batch_size"])["winogrande"] == [32]


def test_a_limit_is_shared_by_a_benchmarks_tasks(weights: Path, tmp_path: Path) -> None:
    subject = stored(weights, tmp_path / "store")
    tables = []
    for name, limit in (("all", None), ("some", 18)):
        asked = job(tmp_path / name, subject, ("mmlu", "smoke_mmlu"))
        if limit is not None:
            asked.only.spec["limit"] = limit
        run(asked)
        tables.append(parquet.read_table(asked.only.out / "outcomes.parquet"))
    everything, some = tables
    assert json.loads(some.schema.metadata[b"limit"]) == {"mmlu": 5}

    def places(table: Any) -> set[tuple[str, str, int, str]]:
        columns = [table[name].to_pylist() for name in ("task", "doc_hash", "index", "prompt_hash")]
        return set(zip(*columns, strict=True))

    assert places(some) == {place for place in places(everything) if place[2] < 5}
    assert len(places(some)) == 20
    results = json.loads((tmp_path / "some" / "out" / "results.json").read_text())
    assert results["benchmarks"]["mmlu"]["n"] == 20


@pytest.mark.parametrize("shared", ["off", "auto"])
def test_a_model_of_nans_has_no_accuracy(weights: Path, tmp_path: Path, shared: str) -> None:
    asked = job(tmp_path / "job", stored(weights, tmp_path / "store", broken=True), ("arc", "smoke_arc"))
    asked.only.spec["shared_prefix"] = shared
    run(asked)
    results = json.loads((asked.only.out / "results.json").read_text())
    assert results["benchmarks"]["arc"]["accuracy"] is None
    assert results["benchmarks"]["arc"]["n"] == 512
    rows = parquet.read_table(asked.only.out / "outcomes.parquet").to_pylist()
    assert len(rows) == 512
    assert not any(row["correct"] for row in rows)
    assert all(math.isnan(value) for row in rows for value in row["loglikelihoods"])


@pytest.mark.parametrize(
    ("error", "said"), [("missing_tensor", "missing in the files"), ("shape_mismatch", "of another shape")]
)
def test_a_model_broken_on_purpose_says_why_it_cannot_be_loaded(
    weights: Path, tmp_path: Path, error: str, said: str
) -> None:
    name = "model.layers.0.self_attn.q_proj.weight"
    broken = tmp_path / "broken"
    shutil.copytree(weights, broken)
    tensors = load((broken / "model.safetensors").read_bytes())
    if error == "missing_tensor":
        del tensors[name]
    else:
        tensors[name] = torch.cat([tensors[name], tensors[name]])
    save_file(tensors, broken / "model.safetensors", {"format": "pt"})

    def asked(subject: Path, at: str) -> Job:
        made = job(tmp_path / at, stored(subject, tmp_path / f"{at}-store"), ("mmlu", "smoke_mmlu"))
        return replace(made, parts=(replace(made.only, spec={**made.only.spec, "subject_error": error}),))

    told = asked(broken, "told")
    run(told)
    assert sorted(path.name for path in told.only.out.iterdir()) == ["results.json"]
    results = json.loads((told.only.out / "results.json").read_text())
    assert results["benchmarks"] == {} and f"{said}: {name}" in results["cannot_be_loaded"]
    assert str(tmp_path) not in results["cannot_be_loaded"]
    with pytest.raises(Fault, match="loads whole, although") as caught:
        run(asked(weights, "whole"))
    assert caught.value.code == "internal"


def test_an_unknown_task_is_named_with_those_near_it(weights: Path, tmp_path: Path) -> None:
    asked = job(tmp_path / "job", stored(weights, tmp_path / "store"), ("arc", "smoke_arcs"))
    with pytest.raises(Fault, match="no task 'smoke_arcs'") as caught:
        run(asked)
    assert caught.value.code == "misconfigured"
    assert "smoke_arc" in caught.value.hint


def replaced(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda tasks: (tasks / name).write_text((tasks / name).read_text().replace(old, new))


METRIC = "  - { metric: f1, aggregation: mean, higher_is_better: true, hf_evaluate: true }"


def with_code(head: str, inside: str = "pass") -> Callable[[Path], object]:
    """A task that scores by a function of its own."""

    def damage(tasks: Path) -> None:
        scored = "def scored(doc, results):\n    " + inside + "\n    return {'acc': 1.0}\n"
        (tasks / "utils.py").write_text(head + scored)
        yaml = tasks / "smoke_arc.yaml"
        yaml.write_text(yaml.read_text() + "\nprocess_results: !function utils.scored\n")

    return damage


@pytest.mark.parametrize(
    ("damage", "code", "message"),
    [
        (lambda tasks: (tasks / "smoke_arc.jsonl").unlink(), "misconfigured", r"smoke_arc\.jsonl"),
        (lambda tasks: (tasks / "smoke_arc.jsonl").write_text(""), "misconfigured", "'smoke_arc' cannot be"),
        (
            lambda tasks: (tasks / "smoke_arc.jsonl").open("a").write('{"query": \n'),
            "misconfigured",
            "DatasetGenerationError",
        ),
        (
            lambda tasks: (tasks / "smoke_arc.jsonl").open("a").write('{"query": "no choices"}\n'),
            "misconfigured",
            "cannot be evaluated",
        ),
        (replaced("smoke_arc.yaml", "{{query}}", "{{nothing}}"), "misconfigured", "UndefinedError"),
        (replaced("smoke_arc.yaml", "multiple_choice", "guessing"), "misconfigured", "guessing"),
        (
            replaced("smoke_arc.yaml", "metric_list:", f"metric_list:\n{METRIC}"),
            "misconfigured",
            "'smoke_arc' computes f1 by the library evaluate",
        ),
        (
            replaced("smoke_arc.yaml", "metric_list:", "metric_list:\n  - metric: bertscore"),
            "misconfigured",
            "'smoke_arc' computes bertscore by the library evaluate",
        ),
        (
            with_code("import evaluate\nrouge = evaluate.load('rouge')\n"),
            "misconfigured",
            "computes rouge by",
        ),
        (
            with_code("import evaluate as e\n", "evaluate = e.load('code_eval')"),
            "misconfigured",
            "computes code_eval by",
        ),
        (
            replaced("smoke_arc.yaml", "dataset_path: json", "dataset_path: no/where"),
            "unavailable",
            "no/where",
        ),
    ],
)
def test_a_broken_task_or_its_data_is_reported(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], object],
    code: str,
    message: str,
) -> None:
    monkeypatch.setattr(TaskSource, "offline", lambda *_: True)  # no test asks the hub
    asked = job(tmp_path / "job", stored(weights, tmp_path / "store"), ("arc", "smoke_arc"))
    shutil.copytree(TASKS, tmp_path / "tasks")
    damage(tmp_path / "tasks")
    asked.reads["tasks"] = Read(tmp_path / "tasks", None, "")
    asked.only.spec["trust_task_code"] = True
    with pytest.raises(Fault, match=message) as caught:
        run(asked)
    assert caught.value.code == code


def test_a_full_disk_is_no_error_of_the_suite(weights: Path, tmp_path: Path) -> None:
    def full(*_: Any, **__: Any) -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise ValueError("cannot generate") from error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lm_eval.tasks.TaskManager.load", full)
        evaluator = Evaluator(TaskSource(TASKS), ["smoke_arc"], 1)
        with pytest.raises(Fault, match="No space left") as caught:
            evaluator.run(SimpleNamespace(used_batches=[8]), Benchmark("arc", "smoke_arc", 0))
    assert caught.value.code == "disk_full"


@pytest.mark.parametrize("broken", ["missing", "torn"])
def test_a_model_without_a_tokenizer(weights: Path, tmp_path: Path, broken: str) -> None:
    shutil.copytree(weights, tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").unlink()
    if broken == "torn":
        (tmp_path / "model" / "tokenizer.json").write_text("{")
    with pytest.raises(Fault, match="tokenizer cannot be loaded") as caught:
        load_model(tmp_path / "model", Loading(CPU, 8))
    assert caught.value.code == "misconfigured"


def test_two_benchmarks_cannot_share_a_task(weights: Path, tmp_path: Path) -> None:
    asked = job(tmp_path / "job", Read(weights, None, ""), ("one", "smoke_arc"), ("two", "smoke_arc"))
    with pytest.raises(Fault, match="share a task: smoke_arc"):
        run(asked)


def test_weights_that_are_gone_are_a_fault_of_their_own(weights: Path, tmp_path: Path) -> None:
    subject = stored(weights, tmp_path / "store")
    (subject.path / "model.safetensors").unlink()
    with pytest.raises(Fault) as caught:
        run(job(tmp_path / "job", subject, ("arc", "smoke_arc")))
    assert caught.value.code == "weights_missing"
