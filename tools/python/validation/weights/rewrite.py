"""One pass over a checkpoint that writes any number of changed copies of it and reads each byte once.

Tensors that no copy changes are copied in blocks; in the others, each piece with matrices is read as a whole.
So host memory holds a piece and its changed copies, never a model or a shard. Where a GPU computes, it also
holds a limited number of bytes that are read ahead, or wait to be hashed and written.
A shard that a copy does not change is linked, not written.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from validation.job import emit
from validation.weights.checkpoint import OWN_FILES, Checkpoint, Reader, Shard, Stored, raw_bytes
from validation.weights.matrix import Matrix, Piece
from validation.weights.store import Entry
from validation.weights.threads import Writers, ahead

_PROGRESS_SECONDS = 1.0
#: Bytes of a tensor without matrices that are held at once.
_BLOCK = 16 << 20
#: Bytes that the kernel is asked to read ahead; they are in the page cache, not in this process's memory.
_READ_AHEAD = 128 << 20


@dataclass(frozen=True)
class Pipeline:
    """How much reading, computing and writing overlap.

    Attributes:
        ahead: bytes that may be read ahead, besides the current piece; 0: none.
        under_way: bytes that may wait to be written while others are computed; 0: one after the other.
        pinned: whether pieces are read into pinned memory, from which a GPU copies without waiting.
    """

    ahead: int = 0
    under_way: int = 0
    pinned: bool = False


#: On a CPU: threads would compete for its cores.
ONE_BY_ONE = Pipeline()
#: Where a GPU computes, the CPU only reads, hashes and writes.
BESIDE_A_GPU = Pipeline(ahead=256 << 20, under_way=1 << 30, pinned=True)


@dataclass
class Loaded:
    """A piece that was read, `values` `[height, width]`; copies share the results in `shared`, by matrix."""

    piece: Piece
    values: torch.Tensor
    shared: dict[str, dict[str, Any]] = field(default_factory=dict)


#: Makes the changed piece of a copy (same dtype and shape) and leaves the given one as it is.
Change = Callable[[Loaded], torch.Tensor]


@dataclass
class Copy:
    """A copy to write: the store entry whose draft is filled, and the pieces that `change` changes.

    After `rewrite`, `bytes_written` and `bytes_linked` count the bytes of its shards.
    """

    entry: Entry
    matrices: Mapping[Piece, Sequence[Matrix]]
    change: Change
    bytes_written: int = 0
    bytes_linked: int = 0


def by_piece(found: Sequence[Matrix]) -> dict[Piece, list[Matrix]]:
    """The matrices of each piece."""
    result: dict[Piece, list[Matrix]] = {}
    for matrix in found:
        result.setdefault(matrix.piece, []).append(matrix)
    return result


def rewrite(source: Checkpoint, copies: Sequence[Copy], label: str, pipeline: Pipeline = ONE_BY_ONE) -> None:
    """Write the copies: same files, same headers, and the same bytes wherever a copy changes nothing.

    Args:
        source: the checkpoint to copy.
        copies: the copies to write.
        label: the text of the progress events.
        pipeline: how much of the work overlaps.

    Raises:
        Fault: `bad_input` for a shard that ends too early; whatever a `change` raises.
    """
    progress = _Progress(label, source.weights_bytes)
    with Writers(len(copies), pipeline.under_way) as writers:
        for shard in source.shards:
            names = {stored.name for stored in shard.tensors}
            size = len(shard.header) + sum(stored.bytes for stored in shard.tensors)
            changed: dict[int, Copy] = {}
            for number, copy in enumerate(copies):
                if any(piece.tensor in names for piece in copy.matrices):
                    changed[number] = copy
                    copy.bytes_written += size
                else:
                    copy.entry.link(shard.path)
                    copy.bytes_linked += size
            if changed:
                _write_shard(shard, changed, progress, writers, pipeline)
            else:
                progress.done += size
    for copy in copies:
        copy_other_files(source, copy.entry)
    progress.report()


class _Progress:
    def __init__(self, label: str, total: int) -> None:
        self._label, self._total, self._reported = label, total, time.monotonic()
        self.done = 0

    def add(self, count: int) -> None:
        """Count bytes; report about once a second."""
        self.done += count
        if time.monotonic() - self._reported >= _PROGRESS_SECONDS:
            self.report()

    def report(self) -> None:
        """Report how many bytes are done."""
        self._reported = time.monotonic()
        emit("progress", message=self._label, done=min(self.done, self._total), total=self._total)


def _write_shard(
    shard: Shard, copies: Mapping[int, Copy], progress: _Progress, writers: Writers, pipeline: Pipeline
) -> None:
    files = {number: copy.entry.create(shard.path.name) for number, copy in copies.items()}

    def write(number: int, block: memoryview | bytes) -> None:
        writers.do(number, partial(files[number].write, block), len(block))

    for number in copies:
        write(number, shard.header)
    pieces = pieces_by_tensor([copy.matrices for copy in copies.values()])
    with shard.open() as reader, closing(_read(shard, reader, pieces, pipeline)) as read:
        for stored, piece, data in read:
            if piece is None:
                block = raw_bytes(data)
                for number in copies:
                    write(number, block)
            else:
                loaded = Loaded(piece, data.view(stored.torch_dtype).view(piece.shape))
                for number, copy in copies.items():
                    write(number, raw_bytes(_changed(copy, loaded)))
            progress.add(len(data))
    for number, copy in copies.items():
        writers.do(number, partial(copy.entry.finish, shard.path.name))


#: A tensor, one of its pieces (None for a block without matrices), and the bytes read.
_Read = tuple[Stored, Piece | None, torch.Tensor]


def _read(
    shard: Shard, reader: Reader, pieces: Mapping[str, Sequence[Piece]], pipeline: Pipeline
) -> Generator[_Read]:
    def read(stored: Stored, begin: int, end: int, piece: Piece | None) -> _Read:
        reader.expect(stored.begin + end, _READ_AHEAD)
        pinned = pipeline.pinned and piece is not None
        return stored, piece, reader.read(stored.begin + begin, end - begin, pinned=pinned)

    work = (
        (end - begin, partial(read, stored, begin, end, piece))
        for stored in shard.tensors
        for begin, end, piece in runs(stored, pieces.get(stored.name, []))
    )
    return ahead(work, pipeline.ahead)


def pieces_by_tensor(wanted: Sequence[Collection[Piece]]) -> dict[str, list[Piece]]:
    """The union of these collections of pieces, by tensor, in the order of the file."""
    every = {piece for pieces in wanted for piece in pieces}
    result: dict[str, list[Piece]] = {}
    for piece in sorted(every, key=lambda piece: piece.first):
        result.setdefault(piece.tensor, []).append(piece)
    return result


def runs(stored: Stored, pieces: Sequence[Piece]) -> Iterator[tuple[int, int, Piece | None]]:
    """The tensor's bytes divided in order into its pieces, and blocks of the bytes between them."""
    size, at = stored.torch_dtype.itemsize, 0
    for piece in (*pieces, None):
        begin = stored.bytes if piece is None else piece.first * size
        for start in range(at, begin, _BLOCK):
            yield start, min(start + _BLOCK, begin), None
        if piece is not None:
            at = begin + piece.elements * size
            yield begin, at, piece


def _changed(copy: Copy, loaded: Loaded) -> torch.Tensor:
    if loaded.piece not in copy.matrices:
        return loaded.values
    changed = copy.change(loaded)
    if changed.shape != loaded.values.shape or changed.dtype != loaded.values.dtype:
        raise AssertionError(f"{loaded.piece}: {changed.dtype} {tuple(changed.shape)} from an edit")
    return changed


def copy_other_files(source: Checkpoint, entry: Entry) -> None:
    """Copy what is not weights (configuration, tokenizer, profile, index) into the entry's draft."""
    shards = {shard.path.name for shard in source.shards}
    for path in sorted(source.path.iterdir()):
        if path.is_file() and path.name not in shards and path.name not in OWN_FILES:
            shutil.copyfile(path, entry.draft / path.name)
