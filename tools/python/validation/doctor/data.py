"""Whether the data of windows and of benchmarks can be had, by loading it as the suite's `data` cell will.

That is at the commits that `nx g` recorded; what was downloaded stays in the hub's cache, where that cell
finds it. What that cell has put into the store already is read from there, and the hub is not asked.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from validation.doctor.finding import Finding, finding, first_line
from validation.doctor.refused import refused
from validation.evaluation.lm_eval_adapter import Evaluator, TaskSource
from validation.evaluation.results import Benchmark
from validation.hub.dataset_names import any_name
from validation.hub.offline import PREPARED, offline_caches, prepared_in
from validation.hub.revisions import at_revisions
from validation.invarlock.config import LOCAL_PROVIDERS
from validation.job import Fault

_SEED = 1234
#: Faults that lie in suite.yaml or a task's file, and not in what the hub says.
_OWN_FAULTS = ("misconfigured", "bad_input", "disk_full")


@contextmanager
def as_the_run_has(question: Mapping[str, Any], work: Path) -> Iterator[str]:
    """Within it a data set of the hub is loaded as the run will have it.

    Args:
        question: `stored`, the directory in the store where it lies, or None; `revisions`, commit by id.
        work: A directory of the doctor's, the same for all it loads.

    Yields:
        Where it comes from, in words.
    """
    stored = question.get("stored")
    with ExitStack() as stack:
        if stored:
            reading = stack.enter_context(tempfile.TemporaryDirectory(dir=work))
            stack.enter_context(offline_caches(Path(reading), [Path(stored)]))
            stack.enter_context(any_name())
            yield "in the store"
            return
        stack.enter_context(prepared_in(work / PREPARED))
        stack.enter_context(at_revisions(question.get("revisions") or {}))
        yield "loaded"


def datasets(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the windows' text is at hand; a local corpus was looked at with suite.yaml."""
    for dataset in questions["datasets"]:
        provider, split = str(dataset["provider"]), str(dataset.get("split") or "validation")
        if provider in LOCAL_PROVIDERS:
            yield finding("ok", f"dataset {provider}", "a file of the suite")
        else:
            yield _rows(provider, split, dataset, questions)


def _rows(provider: str, split: str, dataset: Mapping[str, Any], questions: Mapping[str, Any]) -> Finding:
    what = f"dataset {provider}"
    offline = bool(questions.get("offline"))
    data = importlib.import_module("invarlock.eval.data")
    try:
        with as_the_run_has(dataset, Path(questions["work"])) as came:
            rows = data.get_provider(provider, emit=lambda *_: None).load(split=split)
    except Exception as error:  # datasets has one for each reason
        return _not_loaded(what, f"its {split} split", error, offline)
    if not rows:
        return finding("error", what, f"its {split} split has no text", "Take another split (dataset.split).")
    return finding("ok", what, f"{came}: {len(rows)} rows of the {split} split can be windows")


def tasks(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether lm-eval knows every benchmark, its data comes, and a question can be made of it."""
    wanted: list[dict[str, Any]] = questions["tasks"]
    if not wanted:
        return
    directory = questions.get("include_path")
    trusted = questions.get("trust_task_code") is True
    source = TaskSource(Path(directory) if directory else None, trusted)
    source.require_known(Path(each) for each in questions.get("included", ()))
    for each in wanted:
        yield _task(source, each, questions)


@contextmanager
def _of_the_suite(work: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=work) as reading, offline_caches(Path(reading)):
        yield "files of the suite"


def _task(source: TaskSource, question: Mapping[str, Any], questions: Mapping[str, Any]) -> Finding:
    task, work, offline = str(question["task"]), Path(questions["work"]), bool(questions.get("offline"))
    benchmark = Benchmark(task, task, int(question["fewshot"]))
    what = f"benchmark {task}"
    local = source.offline([task])
    try:
        with _of_the_suite(work) if local else as_the_run_has(question, work) as came:
            sizes = Evaluator(source, [task], _SEED).try_out(benchmark)
    except Fault as fault:
        if fault.code in _OWN_FAULTS and not (offline and fault.__cause__ is not None and not local):
            return finding("error", what, str(fault), fault.hint or "Check benchmarks in suite.yaml.")
        return _not_loaded(what, "its data", fault.__cause__ or fault, offline)
    if not sizes or min(sizes.values()) == 0:
        return finding("error", what, "has no questions", "It is an empty group, or its data is empty.")
    parts = f" in {len(sizes)} tasks" if len(sizes) > 1 else ""
    return finding("ok", what, f"{came}: {sum(sizes.values())} questions{parts}")


def _not_loaded(what: str, where: str, error: BaseException, offline: bool) -> Finding:
    """Offline whatever goes wrong is that something is lacking here: the run could not mend it."""
    hub: Any = importlib.import_module("huggingface_hub.constants")
    if not (offline or hub.HF_HUB_OFFLINE):
        return refused(what, where, error)
    said = first_line(error) if isinstance(error, Exception) else type(error).__name__
    return finding(
        "error",
        what,
        f"{where}: not in the store yet, and the hub is not asked (offline): {said}",
        "Fetch it where there is a network (npx nx run <suite>.data.hub:data), or use files of your own.",
    )
