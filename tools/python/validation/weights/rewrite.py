"""One pass over a checkpoint that writes any number of changed copies of it, each byte read once.

Tensors that no copy changes pass through in blocks; of the others, the pieces with matrices in them are read
whole, one after the other. So host memory holds a piece and what is made of it, never a model or a shard;
where a GPU works pieces out, also a limited number of bytes that are read ahead, or hashed and written,
meanwhile.
A shard that a copy leaves alone is linked, not written.
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
from validation.weights.prefetch import ahead
from validation.weights.store import Entry
from validation.weights.writers import Writers

_PROGRESS_SECONDS = 1.0
#: Bytes of a tensor without matrices that are held at once.
_BLOCK = 16 << 20
#: Bytes the kernel is asked to read ahead of the piece in hand; page cache, not this process's memory.
_READ_AHEAD = 128 << 20


@dataclass(frozen=True)
class Pipeline:
    """What reading, working out and writing may do at the same time.

    Attributes:
        ahead: bytes that may be read before they are worked on, beside those in hand; 0: none.
        under_way: bytes that may wait to be written while others are worked out; 0: one after the other.
        pinned: whether pieces are read into memory that a GPU copies from without a stop.
    """

    ahead: int = 0
    under_way: int = 0
    pinned: bool = False


#: On a processor: threads would take each other's core.
ONE_BY_ONE = Pipeline()
#: Where a GPU works pieces out, the processor has only to read, hash and write.
BESIDE_A_GPU = Pipeline(ahead=256 << 20, under_way=1 << 30, pinned=True)


@dataclass
class Loaded:
    """A piece of the pass; `shared` keeps what several copies can use (by the name of a matrix)."""

    piece: Piece
    values: torch.Tensor
    shared: dict[str, dict[str, Any]] = field(default_factory=dict)


#: Makes the piece a copy gets instead (same dtype and shape), without changing the one it is given.
Change = Callable[[Loaded], torch.Tensor]


@dataclass
class Copy:
    """A copy to write: the draft it goes to, and the pieces with matrices that `change` makes anew.

    `bytes_written` and `bytes_linked` count shards, once `rewrite` is through.
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
        source: what is copied.
        copies: what is made of it.
        label: what the progress messages say is being done.
        pipeline: what happens at the same time.
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
        _copy_other_files(source, copy.entry)
    progress.tell()


class _Progress:
    def __init__(self, label: str, total: int) -> None:
        self._label, self._total, self._told = label, total, time.monotonic()
        self.done = 0

    def add(self, count: int) -> None:
        """Count bytes; tell about once a second."""
        self.done += count
        if time.monotonic() - self._told >= _PROGRESS_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Say how far it is."""
        self._told = time.monotonic()
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


#: Of a tensor, a piece or a block without matrices (None), and its bytes.
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
    """All pieces that any of these has, by tensor, in the order of the file."""
    every = {piece for pieces in wanted for piece in pieces}
    result: dict[str, list[Piece]] = {}
    for piece in sorted(every, key=lambda piece: piece.first):
        result.setdefault(piece.tensor, []).append(piece)
    return result


def runs(stored: Stored, pieces: Sequence[Piece]) -> Iterator[tuple[int, int, Piece | None]]:
    """The tensor's bytes from begin to end: its pieces, and blocks of what lies between them."""
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


def _copy_other_files(source: Checkpoint, entry: Entry) -> None:
    """Copy what is not weights (configuration, tokenizer, profile, index) into the entry's draft."""
    shards = {shard.path.name for shard in source.shards}
    for path in sorted(source.path.iterdir()):
        if path.is_file() and path.name not in shards and path.name not in OWN_FILES:
            shutil.copyfile(path, entry.draft / path.name)
