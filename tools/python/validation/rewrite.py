"""One pass over a checkpoint that writes any number of changed copies of it, each tensor read once."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from validation.checkpoint import OWN_FILES, Checkpoint, Stored, raw_bytes
from validation.job import emit
from validation.store import Entry

_PROGRESS_SECONDS = 1.0


@dataclass
class Loaded:
    """A tensor of the pass; `shared` keeps what several copies can use (by the name of a matrix)."""

    stored: Stored
    values: torch.Tensor
    shared: dict[str, dict[str, Any]] = field(default_factory=dict)


#: Makes the tensor a copy gets instead (same dtype and shape), without changing the one it is given.
Change = Callable[[Loaded], torch.Tensor]


@dataclass(frozen=True)
class Copy:
    """A copy to write: the draft it goes to, and the tensors by name that `change` makes anew."""

    entry: Entry
    names: Collection[str]
    change: Change


def rewrite(source: Checkpoint, copies: Sequence[Copy], label: str) -> None:
    """Write the copies: same files, same headers, and the same bytes wherever a copy changes nothing.

    Args:
        source: what is copied.
        copies: what is made of it.
        label: what the progress messages say is being done.
    """
    total, done, told = source.weights_bytes, 0, time.monotonic()
    for shard in source.shards:
        files = [copy.entry.create(shard.path.name) for copy in copies]
        for file in files:
            file.write(shard.header)
        for stored in shard.tensors:
            loaded = Loaded(stored, shard.read(stored))
            for copy, file in zip(copies, files, strict=True):
                file.write(raw_bytes(_changed(copy, loaded)))
            done += stored.bytes
            if time.monotonic() - told >= _PROGRESS_SECONDS:
                told = time.monotonic()
                emit("progress", message=label, done=done, total=total)
        for copy in copies:
            copy.entry.finish(shard.path.name)
    for copy in copies:
        _copy_other_files(source, copy.entry)
    emit("progress", message=label, done=total, total=total)


def _changed(copy: Copy, loaded: Loaded) -> torch.Tensor:
    if loaded.stored.name not in copy.names:
        return loaded.values
    changed = copy.change(loaded)
    if changed.shape != loaded.values.shape or changed.dtype != loaded.values.dtype:
        raise AssertionError(f"{loaded.stored.name}: {changed.dtype} {tuple(changed.shape)} from an edit")
    return changed


def _copy_other_files(source: Checkpoint, entry: Entry) -> None:
    """Copy what is not weights (configuration, tokenizer, profile, index) into the entry's draft."""
    shards = {shard.path.name for shard in source.shards}
    for path in sorted(source.path.iterdir()):
        if path.is_file() and path.name not in shards and path.name not in OWN_FILES:
            shutil.copyfile(path, entry.draft / path.name)
