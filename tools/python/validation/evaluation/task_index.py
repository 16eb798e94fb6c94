"""lm-eval's index of its own tasks, kept beside the Python environment that has them.

lm-eval reads its 14,000 task files to learn their names, each time, for eight seconds of a core. What it
learns is kept in one file, with a digest of all that it was learned from: the files by size and time, and
what reads them. A file of other tasks, a damaged one and none are the same: lm-eval reads its own anew. What
a task says is not kept: lm-eval reads that where the task is asked for.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from validation.job import write_text

#: The form of the file: a line that says what it is of, and the entries.
_FORM = 1
_NAME = "lm-eval-tasks.json"
_READERS = ("lm_eval", "PyYAML")

_of_this_process: dict[Path, Mapping[str, Any]] = {}


def default_index() -> Mapping[str, Any]:
    """The index of lm-eval's own tasks, as its TaskManager makes it but for the `cfg` of what has a file.

    It is looked for once in a process, and those forked from it have it.
    """
    from lm_eval.tasks import manager

    root = Path(manager.__file__).parent  # as TaskManager finds it
    if root not in _of_this_process:
        _of_this_process[root] = index_of(root, Path(sys.prefix) / _NAME)
    return _of_this_process[root]


def index_of(root: Path, kept: Path) -> Mapping[str, Any]:
    """The index of a directory of tasks, from a file if that is of these tasks; else it is written."""
    of = _digest_of(root)
    lines = _lines_of(kept, of)
    if lines is None:
        from lm_eval.tasks._index import TaskIndex

        built = TaskIndex.build([root])
        lines = json.dumps([_line(entry, root) for entry in built.values()])
        head = {"form": _FORM, "of": of, "sha256": _sha256(lines)}
        try:
            write_text(kept, f"{json.dumps(head)}\n{lines}\n")
        except OSError as error:
            print(f"the index of lm-eval's tasks cannot be kept in {kept}: {error.strerror}", file=sys.stderr)
    return {entry.name: entry for entry in map(_Reader(root), json.loads(lines))}


def _lines_of(kept: Path, of: str) -> str | None:
    """The entries in a file that is whole and of what is asked."""
    try:
        first, _, rest = kept.read_text(encoding="utf-8").partition("\n")
        head = json.loads(first)
        lines = rest.removesuffix("\n")
        whole = head == {"form": _FORM, "of": of, "sha256": _sha256(lines)}
    except (OSError, ValueError):
        return None
    return lines if whole else None


def _digest_of(root: Path) -> str:
    """Of everything that the index depends on; files are not read, they are too many."""
    listed = sorted(_listing(str(root), ""))
    return _sha256("\n".join([*_READERS, *map(importlib.metadata.version, _READERS), *listed]))


def _listing(directory: str, inside: str) -> Iterator[str]:
    with os.scandir(directory) as found:
        for each in found:
            path = f"{inside}/{each.name}"
            if each.is_dir():
                if each.name != "__pycache__":
                    yield from _listing(each.path, path)
            elif not each.name.endswith(".py"):  # included files have names of any kind
                stat = each.stat()
                yield f"{path}\t{stat.st_size}\t{stat.st_mtime_ns}"


def _line(entry: Any, root: Path) -> list[Any]:
    path = None if entry.yaml_path is None else entry.yaml_path.relative_to(root).as_posix()
    return [entry.name, entry.kind.name, path, sorted(entry.tags)]


class _Reader:
    """Makes lm-eval's entries of lines."""

    def __init__(self, root: Path) -> None:
        from lm_eval.tasks._index import Entry, Kind

        self._root, self._entry, self._kinds = root, Entry, Kind

    def __call__(self, line: list[Any]) -> Any:
        name, kind, path, tags = line
        at = None if path is None else self._root / path
        return self._entry(name=name, kind=self._kinds[kind], yaml_path=at, tags=set(tags))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
