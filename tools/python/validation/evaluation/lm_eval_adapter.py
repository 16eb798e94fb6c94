"""The one module that speaks to lm-eval (0.4.13), in this process, and only with what an evaluation needs.

`evaluate` is called, not `simple_evaluate`: that adds dates, the git commit and the output of `pip list` and
`lscpu`, which take seconds and make results differ from run to run.
"""

from __future__ import annotations

import difflib
import errno
import math
import random
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, chdir, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from validation.compute.placement import placed_as_planned
from validation.compute.whole_load import whole_loads
from validation.evaluation.answer_keys import answer_key
from validation.evaluation.hub_metrics import without_metrics_of_the_hub
from validation.evaluation.results import Benchmark, Evaluated
from validation.hub.dataset_names import any_name
from validation.job import Device, Fault, Site

#: `dataset_path` values that read local files; anything else is a name on the hub.
LOCAL_BUILDERS = frozenset({"json", "csv", "text", "parquet", "arrow", "pandas"})
#: Exceptions of the hub and the network, told by their names: their classes move between versions.
_UNAVAILABLE = frozenset(
    {
        "GatedRepoError",
        "RepositoryNotFoundError",
        "RevisionNotFoundError",
        "LocalEntryNotFoundError",
        "OfflineModeIsEnabled",
        "DatasetNotFoundError",
        "HfHubHTTPError",
        "HTTPError",
        "TransportError",
        "ConnectionError",
        "TimeoutError",
        "RequestException",
    }
)


class TaskSource:
    """Where task definitions come from: lm-eval's own, and a directory of the suite when there is one.

    `data_files` in that directory are relative to it, whichever directory the process is in.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self._names, self._local = _scan(directory) if directory else (frozenset(), False)

    def covers(self, tasks: list[str]) -> bool:
        """Whether the directory defines all these tasks, so that lm-eval's thousands need no indexing."""
        return self._names.issuperset(tasks)

    def offline(self, tasks: list[str]) -> bool:
        """Whether the tasks need nothing from the hub."""
        return self._local and self.covers(tasks)

    def inside(self) -> AbstractContextManager[None]:
        """A context in which relative `data_files` resolve."""
        return chdir(self.directory) if self.directory else nullcontext()


def _scan(directory: Path) -> tuple[frozenset[str], bool]:
    """The names a directory defines, and whether all its data sets are local files."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads `!function` tags as null: only names matter here."""

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    names: set[str] = set()
    local = True
    for path in sorted(directory.rglob("*yaml")):
        try:
            raw = yaml.load(path.read_text(encoding="utf-8"), Loader)
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            raise Fault("misconfigured", f"{path}: not a task definition ({error})") from error
        if not isinstance(raw, dict):
            continue
        data = raw.get("dataset_path", "json")
        if not isinstance(data, str | None):
            raise Fault("misconfigured", f"{path}: dataset_path is {data!r}, not a name")
        tags = raw.get("tag") or []
        found = [raw.get("task"), raw.get("group"), *(tags if isinstance(tags, list) else [tags])]
        names.update(name for name in found if isinstance(name, str))
        local = local and data in LOCAL_BUILDERS
    return frozenset(names), local


@dataclass(frozen=True)
class Loading:
    """How an evaluation loads its model: what its spec says, and where the site puts it."""

    device: Device
    batch_size: int | str
    trust_remote_code: bool = False
    attention: str | None = None
    compile: bool = False
    site: Site = field(default_factory=Site)


#: lm-eval's own limit for `auto` without a number.
AUTO_BATCH = 64


def batch_of(batch_size: int | str, *, fixed: bool) -> tuple[int | str, int]:
    """lm-eval's `batch_size` and `max_batch_size` for a spec's.

    `auto:N` means "found by trial, at most N" (the caps of the size
    classes, docs/formulas.md); lm-eval's own `auto:N` would find it N times
    and limit nothing. `fixed`: nothing can be tried (a CPU, or a GPU with other cells on it), so N it is.
    """
    if isinstance(batch_size, int):
        return batch_size, batch_size
    _, _, cap = batch_size.partition(":")
    most = int(cap) if cap else AUTO_BATCH
    return (most, most) if fixed else ("auto", most)


def load_model(weights: Path, loading: Loading) -> Any:
    """The model in bf16, on one device or spread over all visible GPUs.

    Its `used_batches` are the batch sizes it is evaluated with, as they are found; `placed` says where a
    spread model lies.

    Raises:
        Fault: `misconfigured` for a model that transformers does not load (often for want of a tokenizer); as
            `whole_loads`; as `placed_as_planned` for one that should be spread and is not.
    """
    import torch
    from lm_eval.models.huggingface import HFLM

    device, site = loading.device, loading.site
    torch.set_num_threads(device.threads)
    batch_size, most = batch_of(loading.batch_size, fixed=device.type == "cpu" or site.shared)
    if batch_size == "auto":
        for index in range(device.gpus):
            torch.cuda.set_per_process_memory_fraction(site.memory_fraction, index)
    spread = device.gpus > 1 and site.parallelize
    attention = {} if loading.attention is None else {"attn_implementation": loading.attention}
    with (
        _told("the model or its tokenizer cannot be loaded", OSError, ValueError, ImportError),
        whole_loads(),
    ):
        model = HFLM(
            pretrained=str(weights),
            device=device.type,
            dtype="bfloat16",
            batch_size=batch_size,
            max_batch_size=most,
            parallelize=spread,
            trust_remote_code=loading.trust_remote_code,
            **attention,
        )
    model.placed = placed_as_planned(model.model, device) if spread else {}
    if loading.compile:
        model._model = torch.compile(model._model)
    _record_batches(model, batch_size)
    return model


def _record_batches(model: Any, batch_size: int | str) -> None:
    """lm-eval forgets the sizes it found once a task is done."""
    used: list[int] = [] if isinstance(batch_size, str) else [batch_size]
    detect = model._detect_batch_size

    def recorded(*args: Any, **kwargs: Any) -> int:
        size: int = detect(*args, **kwargs)
        used.append(size)
        return size

    model._detect_batch_size = recorded
    model.used_batches = used


@contextmanager
def _told(what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Exceptions of these kinds as faults: `disk_full`, `unavailable`, else `misconfigured`."""
    try:
        yield
    except (Fault, MemoryError):
        raise
    except kinds as error:
        traceback.print_exc()  # for the log
        causes: list[BaseException] = []
        cause: BaseException | None = error
        while cause is not None and cause not in causes:
            causes.append(cause)
            cause = cause.__cause__ or cause.__context__
        said = "; ".join(
            f"{type(each).__name__}: {str(each).strip().partition('\n')[0]}" for each in causes[:2]
        )
        message = f"{what} ({said})"
        if any(isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT) for each in causes):
            raise Fault("disk_full", message) from error
        if any(kind.__name__ in _UNAVAILABLE for each in causes for kind in type(each).__mro__):
            hint = "Check the network, and dataset_path of the task; gated data needs HF_TOKEN."
            raise Fault("unavailable", message, hint) from error
        raise Fault("misconfigured", message) from error


_default_index: dict[str, Any] | None = None


def default_index() -> None:
    """Index lm-eval's own tasks ahead, for every `Evaluator` of this process and those forked from it."""
    global _default_index
    from lm_eval.tasks import TaskManager

    _default_index = TaskManager().task_index


def task_manager(directory: Path | None, defaults: bool) -> Any:
    """lm-eval's manager of the tasks of a directory and, if asked for, its own."""
    from lm_eval.tasks import TaskManager

    if not defaults or _default_index is None:
        return TaskManager(include_path=directory, include_defaults=defaults)
    manager = TaskManager(include_path=directory, include_defaults=False)
    # As TaskIndex.build merges: later directories go before earlier ones.
    manager._index = {**_default_index, **manager._index}
    manager._all_tasks = sorted(manager._index)
    return manager


def known_tasks(source: TaskSource, tasks: list[str]) -> Any:
    """lm-eval's manager, which knows all these tasks.

    Raises:
        Fault: `misconfigured` for a task that is nowhere defined.
    """
    with _told("the task definitions cannot be read", Exception):
        manager = task_manager(source.directory, not source.covers(tasks))
    known: list[str] = manager.all_tasks
    for task in tasks:
        if task not in known:
            near = difflib.get_close_matches(task, known, n=5)
            hint = f"near to it: {', '.join(near)}" if near else "no task has a name like it"
            raise Fault("misconfigured", f"lm-eval has no task '{task}'", hint)
    return manager


class Evaluator:
    """Evaluates benchmarks, with the same seed each.

    Raises:
        Fault: `misconfigured` for a task that is nowhere defined, is broken or has broken data; `unavailable`
            when the hub does not give its data.
    """

    def __init__(self, source: TaskSource, tasks: list[str], seed: int) -> None:
        self._source = source
        self._seed = seed
        self._manager = known_tasks(source, tasks)

    def run(self, model: Any, benchmark: Benchmark, limit: int | None = None) -> Evaluated:
        """Ask a model one benchmark's questions: all, or of each task the first ones, some `limit` in all."""
        import numpy
        import torch
        from lm_eval.evaluator import evaluate

        random.seed(self._seed)
        numpy.random.seed(self._seed)
        torch.manual_seed(self._seed)
        found_before = len(model.used_batches)
        with self._source.inside(), any_name(), without_metrics_of_the_hub(benchmark.task):
            loaded = self._load(benchmark)
            per_task = None if limit is None else math.ceil(limit / max(1, len(loaded["tasks"])))
            with _asking(benchmark):
                raw = evaluate(lm=model, task_dict=loaded, limit=per_task, log_samples=True)
                keys = {
                    name: [answer_key(loaded["tasks"][name], sample) for sample in samples]
                    for name, samples in raw["samples"].items()
                }
        return Evaluated(
            results=raw["results"],
            versions=raw["versions"],
            shots=raw["n-shot"],
            sizes=raw["n-samples"],
            samples=raw["samples"],
            keys=keys,
            limit=per_task,
            batches=model.used_batches[found_before:] or model.used_batches,
        )

    def try_out(self, benchmark: Benchmark) -> dict[str, int]:
        """Load a benchmark as `run` does and make the first question of each of its tasks.

        Returns:
            The questions of each task.
        """
        with self._source.inside(), any_name():
            loaded = self._load(benchmark)["tasks"]
            with _asking(benchmark):
                for task in loaded.values():
                    task.build_all_requests(limit=1, rank=0, world_size=1)
                return {name: len(task.eval_docs) for name, task in loaded.items()}

    def _load(self, benchmark: Benchmark) -> Any:
        task = benchmark.task
        with _told(f"task '{task}' cannot be loaded", Exception), without_metrics_of_the_hub(task):
            loaded = self._manager.load([benchmark.task])
        for task in loaded["tasks"].values():
            if task.get_config("num_fewshot") != 0:  # a task that says 0 cannot have examples
                task.set_config(key="num_fewshot", value=benchmark.fewshot)
            task.set_fewshot_seed(seed=self._seed)
        return loaded


def _asking(benchmark: Benchmark) -> AbstractContextManager[None]:
    """What a sample without one of the fields its task asks for makes lm-eval raise, as a fault."""
    from jinja2 import TemplateError

    return _told(
        f"task '{benchmark.task}' cannot be evaluated", LookupError, TypeError, ValueError, TemplateError
    )
