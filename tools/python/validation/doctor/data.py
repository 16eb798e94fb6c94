"""Whether the data of windows and of benchmarks can be had, by loading it just as the run will.

What was loaded stays in the cache of the hub's libraries, where the run finds it.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from validation.doctor.finding import Finding, finding, first_line
from validation.doctor.refused import refused
from validation.evaluation.lm_eval_adapter import Evaluator, TaskSource, default_index
from validation.evaluation.results import Benchmark
from validation.hub.dataset_names import any_name
from validation.hub.offline import offline_caches
from validation.invarlock.config import LOCAL_PROVIDERS
from validation.job import Fault

_SEED = 1234
#: Faults that lie in suite.yaml or a task's file, and not in what the hub says.
_OWN_FAULTS = ("misconfigured", "bad_input", "disk_full")


def datasets(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the windows' text is at hand; a local corpus was looked at with suite.yaml."""
    for dataset in questions["datasets"]:
        provider, split = str(dataset["provider"]), str(dataset.get("split") or "validation")
        if provider in LOCAL_PROVIDERS:
            yield finding("ok", f"dataset {provider}", "a file of the suite")
        else:
            yield _rows(provider, split, bool(questions.get("offline")))


def _rows(provider: str, split: str, offline: bool) -> Finding:
    what = f"dataset {provider}"
    data = importlib.import_module("invarlock.eval.data")
    try:
        with any_name():
            rows = data.get_provider(provider, emit=lambda *_: None).load(split=split)
    except Exception as error:  # datasets has one for each reason
        return _not_loaded(what, f"its {split} split", error, offline)
    if not rows:
        return finding("error", what, f"its {split} split has no text", "Take another split (dataset.split).")
    return finding("ok", what, f"loaded: {len(rows)} rows of the {split} split can be windows")


def tasks(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether lm-eval knows every benchmark, its data comes, and a question can be made of it."""
    wanted: list[dict[str, Any]] = questions["tasks"]
    if not wanted:
        return
    directory = questions.get("include_path")
    source = TaskSource(Path(directory) if directory else None)
    if not source.covers([str(each["task"]) for each in wanted]):
        default_index()
    for each in wanted:
        task = str(each["task"])
        yield _task(source, Benchmark(task, task, int(each["fewshot"])), bool(questions.get("offline")))


def _task(source: TaskSource, benchmark: Benchmark, offline: bool) -> Finding:
    what = f"benchmark {benchmark.task}"
    local = source.offline([benchmark.task])
    with tempfile.TemporaryDirectory(prefix="validation-doctor-") as work:
        try:
            with offline_caches(Path(work)) if local else nullcontext():
                sizes = Evaluator(source, [benchmark.task], _SEED).try_out(benchmark)
        except Fault as fault:
            if fault.code in _OWN_FAULTS and not (offline and fault.__cause__ is not None and not local):
                return finding("error", what, str(fault), fault.hint or "Check benchmarks in suite.yaml.")
            return _not_loaded(what, "its data", fault.__cause__ or fault, offline)
    if not sizes or min(sizes.values()) == 0:
        return finding("error", what, "has no questions", "It is an empty group, or its data is empty.")
    parts = f" in {len(sizes)} tasks" if len(sizes) > 1 else ""
    came = "files of the suite" if local else "loaded"
    return finding("ok", what, f"{came}: {sum(sizes.values())} questions{parts}")


def _not_loaded(what: str, where: str, error: BaseException, offline: bool) -> Finding:
    """Offline whatever goes wrong is that the cache lacks something: the run could not mend it."""
    hub: Any = importlib.import_module("huggingface_hub.constants")
    if not (offline or hub.HF_HUB_OFFLINE):
        return refused(what, where, error)
    said = first_line(error) if isinstance(error, Exception) else type(error).__name__
    return finding(
        "error",
        what,
        f"{where}: not whole in the local cache, and the hub is not asked (offline): {said}",
        "Load it once where there is a network (the doctor does), or use files of your own.",
    )
