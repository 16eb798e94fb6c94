"""Safetensors checkpoints, read and written a tensor at a time: host memory holds tensors, never the model.

Reads are `pread`s of one tensor, not a map of the file: mapped pages count as resident and would grow to the
size of the shard. The format is https://huggingface.co/docs/safetensors: 8 bytes of header length (little
endian), a JSON header, then the tensors' bytes at the offsets the header names.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from validation.job import Fault
from validation.store import MANIFEST, Entry

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
#: Files of a model directory that belong to one variant and are not carried over to another.
OWN_FILES = frozenset({MANIFEST, "edit_metadata.json", "error_metadata.json"})

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
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Stored:
    """One tensor of a shard: `begin` is where its bytes start in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    bytes: int

    @property
    def parameters(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Shard:
    """One safetensors file: its raw header (with the length before it) and its tensors by position."""

    path: Path
    header: bytes
    tensors: tuple[Stored, ...]

    def read(self, stored: Stored) -> torch.Tensor:
        """Read one tensor of this shard.

        Raises:
            Fault: `bad_input` for a data type that is not known or a file that ends too early.
        """
        if stored.dtype not in DTYPES:
            known = ", ".join(DTYPES)
            raise Fault("bad_input", f"{self.path}: {stored.name} is {stored.dtype}; known are {known}")
        raw = torch.empty(stored.bytes, dtype=torch.uint8)
        view, position = memoryview(raw.numpy()), stored.begin
        with self.path.open("rb", buffering=0) as handle:
            while view:
                count = os.preadv(handle.fileno(), [view], position)
                if count == 0:
                    raise Fault(
                        "bad_input", f"{self.path}: ends inside {stored.name}", "Make or copy it again."
                    )
                view, position = view[count:], position + count
        return raw.view(DTYPES[stored.dtype]).reshape(stored.shape)


@dataclass(frozen=True)
class Checkpoint:
    """A model directory with one or more safetensors shards."""

    path: Path
    config: dict[str, Any]
    shards: tuple[Shard, ...]

    @property
    def tensors(self) -> dict[str, Stored]:
        """All tensors by name, in the order of the files."""
        return {stored.name: stored for shard in self.shards for stored in shard.tensors}

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
        """Read a tensor by its name (KeyError when there is none)."""
        for shard, stored in self.each():
            if stored.name == name:
                return shard.read(stored)
        raise KeyError(name)


def open_checkpoint(path: Path) -> Checkpoint:
    """Read the configuration and the shards' headers of a model directory.

    Raises:
        Fault: `bad_input` when it is not a directory with a config.json and safetensors shards.
    """
    config = read_json(path / "config.json")
    shards = tuple(read_shard(path / name) for name in shard_names(path))
    names = [stored.name for shard in shards for stored in shard.tensors]
    if len(names) != len(set(names)):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise Fault("bad_input", f"{path}: in more than one shard: {', '.join(twice[:5])}")
    return Checkpoint(path, config, shards)


def shard_names(path: Path) -> list[str]:
    """File names of the shards, from the index when there is one (`bad_input` when there are none)."""
    if (path / INDEX).is_file():
        names = sorted(set(read_json(path / INDEX).get("weight_map", {}).values()))
        if outside := [name for name in names if Path(name).name != name]:
            raise Fault("bad_input", f"{path / INDEX}: names files elsewhere: {', '.join(outside[:5])}")
        return names
    if (path / SINGLE).is_file():
        return [SINGLE]
    raise Fault("bad_input", f"{path}: has neither {SINGLE} nor {INDEX}")


def read_shard(path: Path) -> Shard:
    """Read a shard's header (`bad_input` when the file is not whole)."""
    try:
        with path.open("rb") as handle:
            start = handle.read(8)
            raw = handle.read(struct.unpack("<Q", start)[0])
            size = os.fstat(handle.fileno()).st_size
        header = json.loads(raw)
        offset = len(start) + len(raw)
        tensors = [
            Stored(
                name,
                entry["dtype"],
                tuple(entry["shape"]),
                offset + entry["data_offsets"][0],
                entry["data_offsets"][1] - entry["data_offsets"][0],
            )
            for name, entry in header.items()
            if name != "__metadata__"
        ]
    except OSError as error:
        raise Fault("bad_input", f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, struct.error, OverflowError, MemoryError) as error:
        raise Fault(
            "bad_input", f"{path}: not a safetensors file ({type(error).__name__}: {error})"
        ) from error
    tensors.sort(key=lambda stored: (stored.begin, stored.bytes))
    end = max((stored.begin + stored.bytes for stored in tensors), default=offset)
    if end != size:
        raise Fault(
            "bad_input", f"{path}: {size} bytes, its header describes {end}", "Make or copy it again."
        )
    return Shard(path, start + raw, tuple(tensors))


def make_header(tensors: Mapping[str, tuple[torch.dtype, Sequence[int]]]) -> bytes:
    """The header of a shard that holds these tensors (dtype and shape by name) in this order."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (dtype, shape) in tensors.items():
        size = math.prod(shape) * dtype.itemsize
        entries[name] = {
            "dtype": _NAMES[dtype],
            "shape": list(shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    raw = json.dumps(entries, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw


def raw_bytes(tensor: torch.Tensor) -> memoryview:
    """The tensor's bytes as they stand in a file; a view, where the tensor is contiguous."""
    flat = tensor.detach().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy()) if flat.numel() else memoryview(b"")


def copy_other_files(source: Checkpoint, entry: Entry) -> None:
    """Copy what is not weights (configuration, tokenizer, profile, index) into the entry's draft."""
    shards = {shard.path.name for shard in source.shards}
    for path in sorted(source.path.iterdir()):
        if path.is_file() and path.name not in shards and path.name not in OWN_FILES:
            shutil.copyfile(path, entry.draft / path.name)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model directory (`bad_input` when it is missing or broken)."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Fault("bad_input", f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise Fault("bad_input", f"{path}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise Fault("bad_input", f"{path}: not a JSON object")
    return value
