"""Metrics that a task takes from the library evaluate: code at the hub, which no evaluation here could fetch.

lm-eval asks for it when it loads a task, logs that it does not come, and fails when all is answered and
counted. So it is told when the task is loaded: by the doctor, by the cell that fetches data, and by the
evaluation before its first question.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from validation.hub.offline import replaced
from validation.job import Fault

_NAME = "evaluate"


class _Refusing(ModuleType):
    """Stands in for the library, whose import takes seconds, and keeps what was asked of it."""

    def __init__(self, task: str) -> None:
        super().__init__(_NAME)
        self.__dict__.update(_task=task, _wanted=[], load=self._load)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # what the import system and pickle look for
        return getattr(_library(), name)

    def _load(self, path: str, *args: Any, **kwargs: Any) -> Any:
        if Path(path).exists():  # a metric of the suite's own
            return _library().load(path, *args, **kwargs)
        self._wanted.append(str(path))
        raise self.fault()

    def fault(self) -> Fault:
        """Of all that was asked for."""
        names = ", ".join(dict.fromkeys(self._wanted))
        return Fault(
            "misconfigured",
            f"task '{self._task}' computes {names} by the library evaluate, whose metrics are code at the "
            "hub: evaluations run without the hub, so it could not be computed",
            "Take a task whose metrics lm-eval has itself (acc, acc_norm, f1, exact_match, …), or a copy "
            "of its file in the suite's own tasks (evaluation.tasks) that names them without hf_evaluate.",
        )


def _library() -> Any:
    """The library itself."""
    stand_in = sys.modules.pop(_NAME, None)
    try:
        return importlib.import_module(_NAME)
    finally:
        if stand_in is not None:
            sys.modules[_NAME] = stand_in


@contextmanager
def without_metrics_of_the_hub(task: str) -> Iterator[None]:
    """Within it a metric that has to be fetched is a fault, also where its caller goes on without it.

    Raises:
        Fault: `misconfigured`, with the names of the metrics.
    """
    module = _Refusing(task)
    with replaced(sys.modules, {_NAME: module}):
        try:
            yield
        except Exception:
            if module._wanted:
                raise module.fault() from None  # whatever else it is, that stays
            raise
    if module._wanted:
        raise module.fault()
