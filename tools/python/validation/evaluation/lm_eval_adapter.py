"""The one module that speaks to lm-eval (0.4.13), in this process, and only with what an evaluation needs.

`evaluate` is called, not `simple_evaluate`: that adds dates, the git commit and the output of `pip list` and
`lscpu`, which take seconds and make results differ from run to run.
"""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Iterable
from contextlib import AbstractContextManager, chdir, nullcontext
from pathlib import Path
from typing import Any

from validation.evaluation.answer_keys import answer_key
from validation.evaluation.hub_metrics import without_metrics_of_the_hub
from validation.evaluation.results import Benchmark, Evaluated
from validation.evaluation.task_files import TaskFiles, scan
from validation.evaluation.task_index import default_index
from validation.evaluation.templates import compiled_once
from validation.evaluation.told import told
from validation.hub.dataset_names import any_name
from validation.job import Fault, Job


class TaskSource:
    """Where task definitions come from: lm-eval's own, and a directory of the suite when there is one.

    `data_files` in that directory are relative to it, whichever directory the process is in.

    Args:
        directory: of the suite's own task files.
        trusted: whether Python that those name may run (`evaluation.trust_task_code`).
    """

    def __init__(self, directory: Path | None, trusted: bool = False) -> None:
        self.directory = directory
        self._trusted = trusted
        self._files = scan(directory) if directory else TaskFiles()

    @classmethod
    def of(cls, job: Job, trusted: bool) -> TaskSource:
        """Of a cell, which knows what its identity has of the suite's task files.

        Raises:
            Fault: as `require_known`.
        """
        source = cls(job.reads["tasks"].path if "tasks" in job.reads else None, trusted)
        source.require_known(read.path for name, read in job.reads.items() if name.startswith("included-"))
        return source

    def require_known(self, included: Iterable[Path]) -> None:
        """See that what the files read from outside their directory was seen when projects were made.

        Raises:
            Fault: `misconfigured`, with the files.
        """
        unknown = self._files.outside - {path.resolve() for path in included}
        if unknown:
            raise Fault(
                "misconfigured",
                "tasks of the suite read files outside their directory that were not known when its projects "
                f"were made: {', '.join(map(str, sorted(unknown)))}",
                "Run nx g ./tools:suite for the suite again; include files themselves, not links to them.",
            )

    def require_trusted(self) -> None:
        """See that no code of the suite's tasks runs unasked: lm-eval runs it when it loads a task.

        Raises:
            Fault: `misconfigured`, with the files and the functions that they name.
        """
        if self._files.code and not self._trusted:
            named = "; ".join(f"{path}: {', '.join(code)}" for path, code in sorted(self._files.code.items()))
            raise Fault(
                "misconfigured",
                f"tasks of the suite run Python of their own ({named})",
                "Read it, then say so in suite.yaml: evaluation: { trust_task_code: true }",
            )

    def covers(self, tasks: list[str]) -> bool:
        """Whether the directory defines all these tasks, so that lm-eval's thousands need no indexing."""
        return self._files.names.issuperset(tasks)

    def offline(self, tasks: list[str]) -> bool:
        """Whether the tasks need nothing from the hub."""
        return self._files.local and self.covers(tasks)

    def inside(self) -> AbstractContextManager[None]:
        """A context in which relative `data_files` resolve."""
        return chdir(self.directory) if self.directory else nullcontext()


def task_manager(directory: Path | None, defaults: bool) -> Any:
    """lm-eval's manager of the tasks of a directory and, if asked for, its own."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=directory, include_defaults=False)
    if defaults:
        # As TaskIndex.build merges: later directories go before earlier ones.
        manager._index = {**default_index(), **manager._index}
        manager._all_tasks = sorted(manager._index)
    return manager


def known_tasks(source: TaskSource, tasks: list[str]) -> Any:
    """lm-eval's manager, which knows all these tasks.

    Raises:
        Fault: `misconfigured` for a task that is nowhere defined, and for code that nobody trusts.
    """
    source.require_trusted()
    with told("the task definitions cannot be read", Exception):
        manager = task_manager(source.directory, not source.covers(tasks))
    known: list[str] = manager.all_tasks
    for task in tasks:
        if task not in known:
            near = difflib.get_close_matches(task, known, n=5)
            hint = f"near to it: {', '.join(near)}" if near else "no task has a name like it"
            hint += (
                "; one of your own is a YAML file in a directory that evaluation.tasks in suite.yaml names"
            )
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
        with self._source.inside(), any_name(), without_metrics_of_the_hub(benchmark.task), compiled_once():
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
            generated=frozenset(
                name for name, task in loaded["tasks"].items() if task.OUTPUT_TYPE == "generate_until"
            ),
            limit=per_task,
            shared_prefix=model.measured(),
            batches=model.used_batches[found_before:] or model.used_batches,
        )

    def try_out(self, benchmark: Benchmark) -> dict[str, int]:
        """Load a benchmark as `run` does and make the first question of each of its tasks.

        Returns:
            The questions of each task.
        """
        with self._source.inside(), any_name(), compiled_once():
            loaded = self._load(benchmark)["tasks"]
            with _asking(benchmark):
                for task in loaded.values():
                    task.build_all_requests(limit=1, rank=0, world_size=1)
                return {name: len(task.eval_docs) for name, task in loaded.items()}

    def _load(self, benchmark: Benchmark) -> Any:
        task = benchmark.task
        with told(f"task '{task}' cannot be loaded", Exception), without_metrics_of_the_hub(task):
            loaded = self._manager.load([benchmark.task])
        for task in loaded["tasks"].values():
            if task.get_config("num_fewshot") != 0:  # a task that says 0 cannot have examples
                task.set_config(key="num_fewshot", value=benchmark.fewshot)
            task.set_fewshot_seed(seed=self._seed)
        return loaded


def _asking(benchmark: Benchmark) -> AbstractContextManager[None]:
    """What a sample without one of the fields its task asks for makes lm-eval raise, as a fault."""
    from jinja2 import TemplateError

    return told(
        f"task '{benchmark.task}' cannot be evaluated",
        *(LookupError, TypeError, ValueError, TemplateError),
        AssertionError,  # more tokens to be generated than the model has positions
    )
