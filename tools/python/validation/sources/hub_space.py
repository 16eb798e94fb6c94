"""The disk space that a download needs, checked before it starts, and its progress while it runs."""

from __future__ import annotations

import fnmatch
import importlib
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from validation.job import Fault, emit

GIB = 2**30
_SECONDS_BETWEEN = 5.0


def require_space(model: str, revision: str, patterns: Sequence[str], cache: Path) -> int | None:
    """Refuse a download that cannot fit.

    Args:
        model: Hub id.
        revision: Branch, tag or commit.
        patterns: Names of the files wanted; of the top directory only.
        cache: The hub's cache, where they go.

    Returns:
        Bytes still to download; None when the hub gives no sizes (offline or refused: the download reports
        it).

    Raises:
        Fault: `disk_full`, with both numbers.
    """
    sizes = _sizes(model, revision)
    if sizes is None:
        return None
    wanted = sum(
        size
        for name, size in sizes.items()
        if "/" not in name and any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    )
    missing = max(0, wanted - _bytes_under(cache / f"models--{model.replace('/', '--')}" / "blobs"))
    free = shutil.disk_usage(_existing(cache)).free
    if missing > free:
        raise Fault(
            "disk_full",
            f"{model} at {revision} needs {missing / GIB:.1f} GiB more in {cache}, "
            f"{free / GIB:.1f} GiB are free",
            "Free some space, or set HF_HOME to a larger disk.",
        )
    return missing


def _sizes(model: str, revision: str) -> dict[str, int] | None:
    """Bytes of every file of the repository, by name."""
    import huggingface_hub
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return None
    try:
        info = huggingface_hub.HfApi().model_info(model, revision=revision, files_metadata=True, timeout=20)
    except Exception:  # the download fails in the same way and says what to do
        return None
    return {file.rfilename: file.size or 0 for file in info.siblings or []}


def _bytes_under(directory: Path) -> int:
    if not directory.is_dir():
        return 0
    return sum(entry.stat().st_size for entry in os.scandir(directory) if entry.is_file())


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def progress_bar(model: str) -> type[Any]:
    """A tqdm class for `snapshot_download` that reports its progress every few seconds."""
    tqdm: Any = importlib.import_module("tqdm.auto").tqdm

    class Progress(tqdm):  # type: ignore[misc]
        """Draws nothing."""

        _reported = 0.0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "file": Path(os.devnull).open("w")})  # noqa: SIM115

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            now = time.monotonic()
            if self.total and now - type(self)._reported >= _SECONDS_BETWEEN:
                type(self)._reported = now
                large = self.total >= 10_000_000
                unit, share = ("GiB", GIB) if large else ("files", 1)
                emit(
                    "progress",
                    message=f"downloading {model} ({unit})",
                    done=round(self.n / share, 1),
                    total=round(self.total / share, 1),
                )
            return drawn

    return Progress
