"""Loads the data of lm-eval's tasks as an evaluation does, and asks them nothing."""

from __future__ import annotations

import traceback
from typing import Any

from validation.evaluation.hub_metrics import without_metrics_of_the_hub
from validation.evaluation.lm_eval_adapter import TaskSource, known_tasks
from validation.hub.faults import fault_of, first_line
from validation.job import Fault


class TaskData:
    """The data of tasks.

    Raises:
        Fault: `misconfigured` for a task that is nowhere defined.
    """

    def __init__(self, source: TaskSource, tasks: list[str]) -> None:
        self._source = source
        self._manager: Any = known_tasks(source, tasks)

    def load(self, task: str, *, offline: bool) -> int:
        """Load a task, or all tasks of a group; returns how many.

        Args:
            task: Its name.
            offline: Whether the hub is not to be asked.

        Raises:
            Fault: as `fault_of`; `misconfigured` for a task that is broken.
        """
        with self._source.inside():
            try:
                with without_metrics_of_the_hub(task):
                    return len(self._manager.load([task])["tasks"])
            except (Fault, MemoryError):
                raise
            except Exception as error:
                traceback.print_exc()  # for the log
                what = f"data of task '{task}'"
                fault = fault_of(what, error, offline=offline)
                raise fault or Fault(
                    "misconfigured", f"task '{task}' cannot be loaded ({first_line(error)})"
                ) from error
