"""`python -m validation.evaluation.task_datasets TASK …`: the data sets that each task names, as JSON.

`nx g` asks, to pin them to commits. Task files are read and nothing is loaded, so that no network is needed;
what only a task's own code names is missing here, and is pinned when it is fetched.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from validation.evaluation.lm_eval_adapter import TaskSource, known_tasks
from validation.evaluation.task_files import LOCAL_BUILDERS
from validation.job import Fault

#: Exit code where a task is nowhere defined, or its definition cannot be read.
UNUSABLE = 3


def datasets_of(source: TaskSource, tasks: list[str]) -> dict[str, list[str]]:
    """Names of the hub's data sets that each task, group or tag reads, sorted.

    Raises:
        Fault: `misconfigured` for a task that is nowhere defined.
    """
    index = known_tasks(source, tasks).task_index

    def of_hub(task: str) -> set[str]:
        names = set(_paths(task, index, {}, ()))
        return {name for name in names if name not in LOCAL_BUILDERS and not _is_file(source, name)}

    return {task: sorted(of_hub(task)) for task in tasks}


def _is_file(source: TaskSource, name: str) -> bool:
    return ((source.directory or Path()) / name).exists()


def _paths(
    member: str | Mapping[str, Any],
    index: Mapping[str, Any],
    overrides: Mapping[str, Any],
    above: tuple[str, ...],
) -> Iterator[str]:
    """The `dataset_path` of a task, or of all members of a group or tag, as TaskFactory would build them."""
    given = {} if isinstance(member, str) else dict(member)
    name = member if isinstance(member, str) else str(member.get("group") or member.get("task"))
    over = {**overrides, **given}
    entry = index.get(name)
    if name in above:
        return
    config = _config(entry) if entry is not None else given
    inner = (*above, name)
    if entry is not None and entry.kind.name == "TAG":
        for each in sorted(entry.tags):
            yield from _paths(each, index, over, inner)
    elif isinstance(config.get("task"), list):
        shared = {key: config[key] for key in ("dataset_path",) if key in config}
        for each in config["task"]:
            yield from _paths(each, index, {**shared, **_data(over)}, inner)
    else:
        path = over.get("dataset_path") or config.get("dataset_path")
        if isinstance(path, str):
            yield path


def _data(overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {key: overrides[key] for key in ("dataset_path",) if key in overrides}


def _config(entry: Any) -> dict[str, Any]:
    from lm_eval.tasks._yaml_loader import load_yaml

    if entry.yaml_path is None:
        return dict(entry.cfg or {})
    loaded = load_yaml(entry.yaml_path, resolve_func=False, recursive=True)
    return dict(loaded)


def main(argv: list[str] | None = None) -> int:
    """Print the answer; the return value is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m validation.evaluation.task_datasets")
    parser.add_argument("--include-path", type=Path, help="a directory of task files of the suite's own")
    parser.add_argument("tasks", nargs="+")
    arguments = parser.parse_args(argv)
    # Names are read, and no function is resolved.
    source = TaskSource(arguments.include_path, trusted=True)
    try:
        print(json.dumps(datasets_of(source, arguments.tasks)))
        return 0
    except Fault as fault:
        print(f"{fault} ({fault.hint})" if fault.hint else fault, file=sys.stderr)
        return UNUSABLE if fault.code == "misconfigured" else 1


if __name__ == "__main__":
    sys.exit(main())
