"""What the suite's own task files say: tasks, data and Python, with what they include from elsewhere.

As lm-eval 0.4.13 reads them: `include` is a path or a list of paths, relative to the file that it stands in,
and `!function module.name` is Python beside the file that names it. tools/suite/load/task-includes.ts reads
them alike when projects are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from validation.job import Fault

#: `dataset_path` values that read local files; anything else is a name on the hub.
LOCAL_BUILDERS = frozenset({"json", "csv", "text", "parquet", "arrow", "pandas"})
#: Directories that lm-eval passes by.
_PASSED_BY = frozenset({"__pycache__", ".ipynb_checkpoints"})


@dataclass(frozen=True)
class TaskFiles:
    """What the files of a directory say together.

    Attributes:
        names: of tasks, groups and tags.
        local: whether all data sets are local files.
        code: `!function` tags by the file that they stand in.
        outside: what is read beside the directory's visible files: included ones, and Python that those name.
    """

    names: frozenset[str] = frozenset()
    local: bool = False
    code: Mapping[str, list[str]] = field(default_factory=dict)
    outside: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class _File:
    raw: Mapping[str, Any] | None
    #: Tag and value.
    tags: Sequence[tuple[str, str]]


def scan(directory: Path) -> TaskFiles:
    """Read the task files of a directory, without running anything.

    Raises:
        Fault: `misconfigured` for a file that cannot be read as one, and for one that leads out by a link.
    """
    root = directory.resolve()
    read: dict[Path, _File] = {}
    names: set[str] = set()
    local = True
    for path in sorted(root.rglob("*yaml")):
        if _PASSED_BY.intersection(path.relative_to(root).parts) or not path.is_file():
            continue
        real = path.resolve()
        if not real.is_relative_to(root):
            raise Fault(
                "misconfigured",
                f"{path}: a link to {real}; lm-eval would read what lies beside that",
                "Copy the file, or write one here that includes it (include: <path>).",
            )
        said = _merged(real, read, ())
        if said is None:
            continue
        data = said.get("dataset_path", "json")
        if not isinstance(data, str | None):
            raise Fault("misconfigured", f"{path}: dataset_path is {data!r}, not a name")
        tags = said.get("tag") or []
        found = [said.get("task"), said.get("group"), *(tags if isinstance(tags, list) else [tags])]
        names.update(name for name in found if isinstance(name, str))
        local = local and data in LOCAL_BUILDERS
    code = {
        _shown(path, root): list(dict.fromkeys(f"!{tag} {value}" for tag, value in each.tags))
        for path, each in read.items()
        if each.tags
    }
    return TaskFiles(frozenset(names), local, code, frozenset(_outside(read, root)))


def _merged(path: Path, read: dict[Path, _File], above: tuple[Path, ...]) -> dict[str, Any] | None:
    """What a file says over what its includes say; None of one that is no mapping."""
    if path not in read:
        read[path] = _parsed(path)
    raw = read[path].raw
    if raw is None:
        return None
    included = raw.get("include") or []
    result: dict[str, Any] = {}
    for each in included if isinstance(included, list) else [included]:
        if not isinstance(each, str):
            raise Fault("misconfigured", f"{path}: include is {each!r}, not a path")
        target = (path.parent / each).resolve()
        if target in (*above, path):
            raise Fault("misconfigured", f"{path}: includes {each}, which includes it")
        if not target.is_file():
            raise Fault("misconfigured", f"{path}: includes {each}, which is not there ({target})")
        said = _merged(target, read, (*above, path)) or {}
        result |= {key: value for key, value in said.items() if key != "task_list"}
    return result | {key: value for key, value in raw.items() if key != "include"}


def _parsed(path: Path) -> _File:
    class Loader(yaml.SafeLoader):
        """Reads `!function` tags as null: what they name is noted."""

    tags: list[tuple[str, str]] = []

    def named(loader: Any, suffix: str, node: Any) -> None:
        tags.append((suffix, str(node.value)))

    Loader.add_multi_constructor("!", named)
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (OSError, yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise Fault("misconfigured", f"{path}: not a task definition ({error})") from error
    return _File(raw, tags) if isinstance(raw, dict) else _File(None, ())


def _outside(read: Mapping[Path, _File], root: Path) -> set[Path]:
    found: set[Path] = set()
    for path, each in read.items():
        named = [value.rpartition(".")[0] for tag, value in each.tags if tag == "function"]
        beside = [(path.parent / f"{name.replace('.', '/')}.py").resolve() for name in named if name]
        found |= {one for one in (path, *beside) if not _covered(one, root) and one.is_file()}
    return found


def _covered(path: Path, root: Path) -> bool:
    """Whether the digest of the directory has it: it leaves out what begins with a dot."""
    if not path.is_relative_to(root):
        return False
    parts = path.relative_to(root).parts
    return not any(part.startswith(".") or part == "__pycache__" for part in parts)


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
