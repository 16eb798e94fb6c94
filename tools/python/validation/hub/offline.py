"""Hugging Face's caches for the time of one cell: no network, and nothing shared with another cell.

Its libraries read their variables once, when imported; in a warm process, where that has been, their copies
are set too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
#: Where a suite's fetched data lie in their entry of the store.
PREPARED = "datasets"


@contextmanager
def offline_caches(work: Path, data: Sequence[Path] = ()) -> Iterator[None]:
    """No network, and every cache in `work`, with the data sets of a `data` cell's entries."""
    caches = work / "hf"
    for entry in data:
        _show(entry / PREPARED, caches / "datasets")
    variables = {name: "1" for name in _OFFLINE} | {"HF_HOME": str(caches)}
    with replaced(os.environ, variables):
        import datasets.config
        from huggingface_hub import constants

        of_datasets = {
            "HF_CACHE_HOME": str(caches),
            **datasets_caches(caches / "datasets"),
            "HF_MODULES_CACHE": caches / "modules",
            "HF_HUB_OFFLINE": True,
            "HF_DATASETS_OFFLINE": True,
        }
        of_hub = {"HF_HUB_OFFLINE": True, "HF_HUB_CACHE": str(caches / "hub")}
        with replaced(vars(datasets.config), of_datasets), replaced(vars(constants), of_hub):
            yield


@contextmanager
def prepared_in(directory: Path) -> Iterator[None]:
    """Data sets are prepared in a directory; what is downloaded for them goes to the hub's cache, as ever."""
    directory.mkdir(parents=True, exist_ok=True)
    import datasets.config

    with replaced(vars(datasets.config), datasets_caches(directory)):
        yield


def datasets_caches(directory: Path) -> dict[str, Path]:
    """The variables of datasets for a cache there."""
    downloads = directory / "downloads"
    return {
        "HF_DATASETS_CACHE": directory,
        "DOWNLOADED_DATASETS_PATH": downloads,
        "EXTRACTED_DATASETS_PATH": downloads / "extracted",
    }


@contextmanager
def replaced(target: MutableMapping[str, Any], values: Mapping[str, Any]) -> Iterator[None]:
    """Other values in a mapping, for the time of the block."""
    before = {name: target[name] for name in values if name in target}
    target.update(values)
    try:
        yield
    finally:
        for name in values:
            if name in before:
                target[name] = before[name]
            else:
                del target[name]


def _show(prepared: Path, cache: Path) -> None:
    """Links to the files: datasets locks and writes beside them, which the store is not there for."""
    for path in sorted(found for found in prepared.rglob("*") if found.is_file()):
        link = cache / path.relative_to(prepared)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():  # two tasks may read the same
            link.symlink_to(path)
