"""Cell `eval`: the accuracy of a model on the benchmarks of the suite, measured by lm-eval."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import AbstractContextManager
from typing import Any

from validation.compute.numerics import apply_determinism, attention_of, compiles, report_settings
from validation.evaluation.lm_eval_adapter import Evaluator, TaskSource, known_tasks
from validation.evaluation.model_loading import Loading, load_model, way_of_weights, why_unloadable
from validation.evaluation.outcomes import write_outcomes
from validation.evaluation.prefixes.ways import Way
from validation.evaluation.quantized import use_package
from validation.evaluation.results import Benchmark, Evaluated, strict, summary
from validation.hub.offline import offline_caches
from validation.job import Fault, Job, emit, write_json, write_text
from validation.weights.store import open_entry


def run(job: Job) -> None:
    """Evaluate the subject on every benchmark of the part; log the samples.

    Written: `results.json`, the accuracies; `outcomes.parquet`, how each item was answered. Of a subject
    whose structure is broken on purpose (`subject_error`) only why it cannot be loaded.

    Raises:
        Fault: `misconfigured` for a task that is unknown, broken, asked twice or without an accuracy, a model
            without a tokenizer, a batch size the device cannot have, or data that no cell fetches;
            `weights_missing` when the subject's weights or the suite's data are gone.
    """
    part = job.only
    if "subject_error" in part.spec:
        _say_why_not(job)
        return
    benchmarks = _benchmarks(part.spec)
    tasks = [benchmark.task for benchmark in benchmarks]
    limit = part.spec.get("limit")
    weights = open_entry(job.read("subject"))
    if "package" in part.spec:
        use_package(part.spec["package"], weights, job.device)
    source = TaskSource.of(job, part.spec.get("trust_task_code") is True)
    with _data(job, source, tasks):
        evaluator = Evaluator(source, tasks, int(part.spec["seed"]))
        emit("progress", message="loading the model", done=0, total=len(benchmarks))
        computes = apply_determinism(part.spec.get("determinism", "throughput"), job.device)
        way = way_of_weights(
            weights,
            part.spec.get("shared_prefix", "off"),
            compiled=part.spec.get("torch_compile") is True,
            trust_remote_code=_trusted(job),
        )
        attention = attention_of(weights, part.spec.get("attention", "auto"), job.device, _trusted(job))
        if way.kind == "branches":
            attention = attention.with_masks()
        loading = _loading(job, attention.name, way)
        emit("started")
        model = load_model(weights, loading)
        loaded = time.monotonic()
        evaluated: dict[str, Evaluated] = {}
        for done, benchmark in enumerate(benchmarks):
            emit("progress", message=f"evaluating {benchmark.name}", done=done, total=len(benchmarks))
            evaluated[benchmark.name] = evaluator.run(model, benchmark, limit)
        emit("beside", seconds=max(0.0, time.monotonic() - loaded - model.computing_seconds))
    for each in evaluated.values():
        _log_samples(job, each)
    write_json(part.out / "results.json", _results(benchmarks, evaluated))
    write_outcomes(part.out / "outcomes.parquet", benchmarks, evaluated)
    report_settings(
        computes
        | {
            "batch_size": max(model.used_batches, default=None),
            "torch_compile": loading.compile,
        }
        | attention.settings
        | _shared_prefix(evaluated)
        | model.placed
    )
    emit("part", name=part.name)


def _say_why_not(job: Job) -> None:
    """Write why the subject cannot be loaded.

    Raises:
        Fault: `internal` when it can.
    """
    weights = open_entry(job.read("subject"))
    emit("progress", message="loading the model, which is broken", done=0, total=1)
    computes = apply_determinism(job.only.spec.get("determinism", "throughput"), job.device)
    attention = attention_of(weights, job.only.spec.get("attention", "auto"), job.device, _trusted(job))
    why = why_unloadable(weights, _loading(job, attention.name, Way("lm-eval", "nothing is asked")))
    write_json(job.only.out / "results.json", {"schema": 1, "cannot_be_loaded": why, "benchmarks": {}})
    report_settings(computes | attention.settings)
    emit("part", name=job.only.name)


def _data(job: Job, source: TaskSource, tasks: list[str]) -> AbstractContextManager[None]:
    """The data of the tasks, offline: those of the suite's `data` cell, or files of the suite."""
    entries = [open_entry(read) for read in job.data]
    if entries or source.offline(tasks):
        return offline_caches(job.work, entries)
    known_tasks(source, tasks)  # one that is nowhere defined is told with those near it
    raise Fault(
        "misconfigured",
        f"the data of {', '.join(tasks)} are at the hub, and no cell of the suite's projects fetches them",
        f"A task file may have changed. Make them anew: npx nx g ./tools:suite {job.cell.partition('.')[0]}",
    )


def _trusted(job: Job) -> bool:
    return job.only.spec.get("trust_remote_code") is True


def _loading(job: Job, attention: str | None, way: Way) -> Loading:
    spec = job.only.spec
    return Loading(
        device=job.device,
        batch_size=spec["batch_size"],
        trust_remote_code=_trusted(job),
        attention=attention,
        # Batches of shared prefixes all have shapes of their own, which would all be compiled.
        compile=way.kind == "lm-eval" and compiles(spec.get("torch_compile", "auto"), job.device),
        way=way,
        site=job.site,
    )


def _benchmarks(spec: dict[str, Any]) -> list[Benchmark]:
    found = [Benchmark(each["name"], each["task"], int(each["fewshot"])) for each in spec["benchmarks"]]
    if not found:
        raise Fault("bad_input", "an evaluation without benchmarks")
    twice = [task for task, count in Counter(each.task for each in found).items() if count > 1]
    if twice:
        raise Fault(
            "misconfigured", f"benchmarks share a task: {', '.join(twice)}", "give each a task of its own"
        )
    return found


def _results(benchmarks: list[Benchmark], evaluated: dict[str, Evaluated]) -> dict[str, Any]:
    """lm-eval's results for the tasks asked, and the accuracy of each benchmark; no times, no paths."""
    merged: dict[str, Any] = {"results": {}, "versions": {}, "n-shot": {}, "n-samples": {}}
    for each in evaluated.values():
        merged["results"].update(each.results)
        merged["versions"].update(each.versions)
        merged["n-shot"].update(each.shots)
        merged["n-samples"].update(each.sizes)
    accuracies = {benchmark.name: summary(benchmark, evaluated[benchmark.name]) for benchmark in benchmarks}
    ways = {benchmark.name: evaluated[benchmark.name].shared_prefix for benchmark in benchmarks}
    found: dict[str, Any] = strict({"schema": 1, **merged, "benchmarks": accuracies, "shared_prefix": ways})
    return found


def _shared_prefix(evaluated: dict[str, Evaluated]) -> dict[str, Any]:
    """Of all benchmarks, as the receipt records it. The way is the last one's: none is gone twice."""
    ways = [each.shared_prefix for each in evaluated.values()]
    samples = [each["sample"] for each in ways if each["sample"] is not None]
    return {
        "shared_prefix": ways[-1]["way"],
        "shared_prefix_why": ways[-1]["why"],
        "tokens_asked": sum(each["tokens_asked"] for each in ways),
        "tokens_computed": sum(each["tokens_computed"] for each in ways),
        "sampled": sum(each["requests"] for each in samples),
        "sample_difference": max((each["difference"] for each in samples), default=None),
        "sample_batch_change": max((each["batch_change"] for each in samples), default=None),
    }


def _log_samples(job: Job, evaluated: Evaluated) -> None:
    """One file of JSON lines a task, for who wants to see what the model answered."""
    job.logs.mkdir(parents=True, exist_ok=True)
    for task, samples in evaluated.samples.items():
        lines = [json.dumps(strict(sample), ensure_ascii=False, allow_nan=False) for sample in samples]
        write_text(job.logs / f"samples_{task}.jsonl", "\n".join(lines) + "\n")
