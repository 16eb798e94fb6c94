"""Safetensors checkpoints, read and written tensor by tensor, so that memory never holds a whole model.

A read is a `pread` of one tensor, not a memory map: mapped pages count as resident memory and would grow to
the size of the shard. The format is https://huggingface.co/docs/safetensors: 8 bytes of header length (little
endian), a JSON header, then the tensors' bytes at the offsets the header names.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import torch

from validation.job import Fault
from validation.weights.store import MANIFEST

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
#: Files of a model directory that belong to one variant and are not carried over to another.
OWN_FILES = frozenset({MANIFEST, "edit_metadata.json", "error_metadata.json"})

_AGAIN = "Make or copy it again."
#: Bytes: what the safetensors library itself takes of a header, and far more than any other JSON of a model.
_MOST_HEADER, _MOST_JSON = 100_000_000, 256 << 20

DTYPES: dict[str, torch.dtype] = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "U16": torch.uint16,
    "U32": torch.uint32,
    "U64": torch.uint64,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
}
#: Of numbers that are not packed.
FLOATS = frozenset({torch.float64, torch.float32, torch.float16, torch.bfloat16})
NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Stored:
    """One tensor of a shard: `begin` is the offset of its bytes in the file, `bytes` their number."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    bytes: int

    @property
    def parameters(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype as torch has it."""
        return DTYPES[self.dtype]


class Reader:
    """A shard opened for reading."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = path.open("rb", buffering=0)
        self._expected = 0

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.close()

    def read(self, position: int, count: int, *, pinned: bool = False) -> torch.Tensor:
        """Read `count` bytes as uint8 `[count]`; a GPU copies from `pinned` memory without waiting.

        Raises:
            Fault: `bad_input` for a file that ends too early.
        """
        raw = torch.empty(count, dtype=torch.uint8, pin_memory=pinned)
        view = memoryview(raw.numpy())
        while view:
            got = os.preadv(self._handle.fileno(), [view], position)
            if got == 0:
                raise Fault("bad_input", f"{self._path}: ends too early, at byte {position}", _AGAIN)
            view, position = view[got:], position + got
        return raw

    def expect(self, position: int, count: int) -> None:
        """Ask the system to read ahead the bytes that will be needed soon, where it supports this."""
        begin, end = max(position, self._expected), position + count
        # not at every call: the system checks every page
        if end - begin >= count // 2 and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._handle.fileno(), begin, end - begin, os.POSIX_FADV_WILLNEED)
            self._expected = end


@dataclass(frozen=True)
class Shard:
    """One safetensors file: its raw header (with the length before it) and its tensors by position."""

    path: Path
    header: bytes
    tensors: tuple[Stored, ...]

    def open(self) -> Reader:
        """Open it for reading; use it in a `with` statement."""
        return Reader(self.path)

    def read(self, stored: Stored) -> torch.Tensor:
        """Read one tensor of this shard, in its own shape and dtype.

        Raises:
            Fault: `bad_input` for a file that ends too early.
        """
        with self.open() as reader:
            return reader.read(stored.begin, stored.bytes).view(stored.torch_dtype).reshape(stored.shape)


@dataclass(frozen=True)
class Checkpoint:
    """A model directory with one or more safetensors shards."""

    path: Path
    config: dict[str, Any]
    shards: tuple[Shard, ...]

    @cached_property
    def tensors(self) -> dict[str, Stored]:
        """All tensors by name, in the order of the files."""
        return {stored.name: stored for shard in self.shards for stored in shard.tensors}

    @property
    def described(self) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
        """Type and shape of all tensors by name."""
        return {name: (stored.torch_dtype, stored.shape) for name, stored in self.tensors.items()}

    @property
    def weights_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(stored.bytes for stored in self.tensors.values())

    def each(self) -> Iterator[tuple[Shard, Stored]]:
        """Every tensor, in the order of the files."""
        for shard in self.shards:
            for stored in shard.tensors:
                yield shard, stored

    def read(self, name: str) -> torch.Tensor:
        """Read a tensor by its name.

        Raises:
            KeyError: there is no such tensor.
            Fault: `bad_input` for a file that ends too early.
        """
        for shard, stored in self.each():
            if stored.name == name:
                return shard.read(stored)
        raise KeyError(name)


def open_checkpoint(path: Path) -> Checkpoint:
    """Read the configuration and the shards' headers of a model directory.

    Raises:
        Fault: `bad_input` when it is not a directory with a config.json and complete safetensors shards.
    """
    return Checkpoint(path, read_json(path / "config.json"), read_shards(path))


def read_shards(path: Path) -> tuple[Shard, ...]:
    """Read the headers of all shards.

    Raises:
        Fault: `bad_input` when they do not hold a complete model.
    """
    shards = tuple(read_shard(path / name) for name in shard_names(path))
    index = path / INDEX
    expected = read_index(index) if index.is_file() else {}
    check_tensors(path, [stored.name for shard in shards for stored in shard.tensors], expected)
    return shards


def shard_names(path: Path) -> list[str]:
    """File names of the shards, from the index when there is one.

    Raises:
        Fault: `bad_input` when there are none.
    """
    if (path / INDEX).is_file():
        names = sorted(set(read_index(path / INDEX).values()))
        if SINGLE not in names and (path / SINGLE).is_file():
            raise Fault(
                "bad_input",
                f"{path}: has {SINGLE} and beside it {INDEX}, which names other files: which is the model?",
                f"Delete {SINGLE}, which transformers would load, or the index with its files.",
            )
        return names
    if (path / SINGLE).is_file():
        return [SINGLE]
    raise Fault("bad_input", f"{path}: has neither {SINGLE} nor {INDEX}")


def read_index(path: Path) -> dict[str, str]:
    """The shard of each tensor, from an index.

    Raises:
        Fault: `bad_input` when it names no tensors, or files outside its directory.
    """
    weight_map = read_json(path).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise Fault("bad_input", f"{path}: its weight_map names no tensors", _AGAIN)
    if outside := [name for name in weight_map.values() if not _is_file_name(name)]:
        raise Fault("bad_input", f"{path}: names files elsewhere: {', '.join(map(repr, outside[:5]))}")
    return weight_map


def check_tensors(path: Path, found: Sequence[str], expected: Collection[str]) -> None:
    """Check that shards hold tensors, each once, and all that an index names.

    Raises:
        Fault: `bad_input` if they do not.
    """
    if not found:
        raise Fault("bad_input", f"{path}: its weights hold no tensors by name", _AGAIN)
    if twice := sorted(name for name, count in Counter(found).items() if count > 1):
        raise Fault("bad_input", f"{path}: in more than one shard: {', '.join(twice[:5])}")
    if missing := sorted(set(expected).difference(found)):
        raise Fault(
            "bad_input", f"{path}: no shard has what the index names: {', '.join(missing[:5])}", _AGAIN
        )


def read_shard(path: Path) -> Shard:
    """Read a shard's header.

    Raises:
        Fault: `bad_input` when the file is not complete or not in the safetensors format.
    """
    try:
        with open_file(path) as handle:
            size = os.fstat(handle.fileno()).st_size
            start = handle.read(8)
            (length,) = struct.unpack("<Q", start)
            if length > size - len(start):
                raise ValueError(f"{size} bytes, its header alone would be {length}")
            if length > _MOST_HEADER:
                raise ValueError(f"its header would be {length} bytes, at most {_MOST_HEADER} are allowed")
            raw = handle.read(length)
        header, offset = json.loads(raw), len(start) + len(raw)
        if not isinstance(header, dict):
            raise ValueError("its header is no JSON object")
        tensors = [_stored(name, row, offset) for name, row in header.items() if name != "__metadata__"]
        tensors.sort(key=lambda stored: (stored.begin, stored.bytes))
        for stored in tensors:
            if stored.begin != offset:
                raise ValueError(f"a gap or an overlap before {stored.name}")
            offset += stored.bytes
    except OSError as error:
        raise Fault("bad_input", f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, struct.error, RecursionError) as error:
        raise Fault(
            "bad_input", f"{path}: not a safetensors file ({type(error).__name__}: {error})"
        ) from error
    if offset != size:
        raise Fault("bad_input", f"{path}: {size} bytes, its header describes {offset}", _AGAIN)
    return Shard(path, start + raw, tuple(tensors))


def _stored(name: str, row: Any, offset: int) -> Stored:
    dtype, shape, (begin, end) = row["dtype"], row["shape"], row["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{name} is {dtype}; known are {', '.join(DTYPES)}")
    # `type` and not `isinstance`: True is an int
    if not isinstance(shape, list) or any(type(each) is not int or each < 0 for each in (*shape, begin, end)):
        raise ValueError(f"{name}: a shape or offset that is no whole number")
    if end - begin != math.prod(shape) * DTYPES[dtype].itemsize:
        raise ValueError(f"{name}: {end - begin} bytes for {dtype} of shape {shape}")
    return Stored(name, dtype, tuple(shape), offset + begin, end - begin)


def _is_file_name(name: object) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}


def make_header(tensors: Mapping[str, tuple[torch.dtype, Sequence[int]]]) -> bytes:
    """The header of a shard that holds these tensors (dtype and shape by name) in this order."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (dtype, shape) in tensors.items():
        size = math.prod(shape) * dtype.itemsize
        entries[name] = {
            "dtype": NAMES[dtype],
            "shape": list(shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    raw = json.dumps(entries, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw


def raw_bytes(tensor: torch.Tensor) -> memoryview:
    """The tensor's bytes in the order of a file; a view where the tensor is contiguous."""
    flat = tensor.detach().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy()) if flat.numel() else memoryview(b"")


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors of one shape and dtype hold the same bits: equal NaNs are equal, -0 is not 0."""
    size = torch.int16 if one.element_size() == 2 else torch.uint8
    return torch.equal(one.contiguous().view(size), other.contiguous().view(size))


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading; a pipe would keep its reader waiting, a device would never end.

    Raises:
        OSError: there is none, or something else in its place.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file")
    return os.fdopen(descriptor, "rb")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model directory.

    Raises:
        Fault: `bad_input` when it is missing or not a JSON object.
    """
    try:
        with open_file(path) as handle:
            size = os.fstat(handle.fileno()).st_size
            if size > _MOST_JSON:
                raise ValueError(f"{size} bytes, at most {_MOST_JSON} are read")
            value = json.loads(handle.read().decode("utf-8"))
    except OSError as error:
        raise Fault("bad_input", f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # nested thousands deep
        raise Fault("bad_input", f"{path}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise Fault("bad_input", f"{path}: not a JSON object")
    return value
