"""Data sets at the commits a suite was pinned to, and which commits were taken."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from validation.hub.dataset_names import full_name

_TIMEOUT_S = 20.0


@contextlib.contextmanager
def at_revisions(revisions: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Within it every data set of the hub is loaded at one commit, whoever loads it, and by any name.

    Args:
        revisions: Commit by id. A data set that is not among them is taken as the hub has it now.

    Yields:
        Commit by id of what was loaded so far; `<id>@<revision>` for a revision that the loader asks for.
    """
    load: Any = importlib.import_module("datasets.load")
    builders = importlib.import_module("datasets.packaged_modules")._PACKAGED_DATASETS_MODULES
    factory = load.dataset_module_factory
    taken: dict[str, str] = {}

    def pinned(path: str, *given: Any, revision: Any = None, **named: Any) -> Any:
        if path in builders or Path(path).exists():
            return factory(path, *given, revision=revision, **named)
        name = full_name(path)
        key = name if revision is None else f"{name}@{revision}"
        if key not in taken:
            known = (revisions.get(name) or revisions.get(path)) if revision is None else None
            taken[key] = known or _commit(name, None if revision is None else str(revision))
        return factory(name, *given, revision=taken[key], **named)

    load.dataset_module_factory = pinned
    try:
        yield taken
    finally:
        load.dataset_module_factory = factory


def _commit(name: str, revision: str | None) -> str:
    """What a revision of a data set stands for now."""
    hub: Any = importlib.import_module("huggingface_hub")
    return str(hub.HfApi().dataset_info(name, revision=revision, timeout=_TIMEOUT_S).sha)
