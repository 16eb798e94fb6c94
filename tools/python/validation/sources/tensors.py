"""The tensors of a model's weight files, safetensors or pickled, read one after the other in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from validation.job import Fault
from validation.weights.checkpoint import (
    INDEX,
    NAMES,
    SINGLE,
    Reader,
    Stored,
    check_tensors,
    read_index,
    read_shards,
)

PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
#: Elements held at once.
_BLOCK = 4 << 20
#: Bytes of a mapped file that may have been read before it is mapped again.
_MAPPED = 128 << 20


@dataclass(frozen=True)
class SourceTensor:
    """The name, dtype and shape of a tensor whose values are read later, in flat blocks."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]


#: Every tensor once, each with a function that reads its values; call it before taking the next tensor.
Stream = Iterator[tuple[SourceTensor, Callable[[], Iterator[torch.Tensor]]]]


@dataclass(frozen=True)
class Source:
    """A model's tensors in the order of its files, and the function that starts reading them."""

    tensors: tuple[SourceTensor, ...]
    stream: Callable[[], Stream]


def open_source(path: Path) -> Source:
    """Read the names, dtypes and shapes of all weights of a model directory.

    Raises:
        Fault: `bad_input` for a directory without a complete model.
    """
    pickled = not (path / SINGLE).is_file() and not (path / INDEX).is_file()
    return _pickled(path) if pickled else _safetensors(path)


def _safetensors(path: Path) -> Source:
    shards = read_shards(path)

    def stream() -> Stream:
        for shard in shards:
            with shard.open() as reader:
                for stored in shard.tensors:
                    yield _described(stored), partial(_stored_blocks, reader, stored)

    return Source(tuple(_described(stored) for shard in shards for stored in shard.tensors), stream)


def _described(stored: Stored) -> SourceTensor:
    return SourceTensor(stored.name, stored.torch_dtype, stored.shape)


def _stored_blocks(reader: Reader, stored: Stored) -> Iterator[torch.Tensor]:
    dtype = stored.torch_dtype
    step = _BLOCK * dtype.itemsize
    for at in range(0, stored.bytes, step):
        yield reader.read(stored.begin + at, min(step, stored.bytes - at)).view(dtype)


def _pickled(path: Path) -> Source:
    if (path / PICKLED_INDEX).is_file():
        expected = read_index(path / PICKLED_INDEX)
        names = sorted(set(expected.values()))
        if PICKLED not in names and (path / PICKLED).is_file():
            raise Fault(
                "bad_input",
                f"{path}: has {PICKLED} and beside it {PICKLED_INDEX}, which names other files: "
                "which is the model?",
                f"Delete {PICKLED}, which transformers would load, or the index with its files.",
            )
    elif (path / PICKLED).is_file():
        names, expected = [PICKLED], {}
    else:
        raise Fault("bad_input", f"{path}: has neither safetensors nor {PICKLED}")

    def stream() -> Stream:
        for name in names:
            loaded, mapped = _load(path / name)
            touched = 0
            for key in list(loaded):
                tensor = loaded[key]
                described = SourceTensor(key, tensor.dtype, tuple(tensor.shape))
                yield described, partial(blocks_of, tensor)
                touched += tensor.nbytes
                if mapped and touched > _MAPPED:
                    # pages read from a mapped file count as memory of this process until it is unmapped
                    del tensor, loaded
                    loaded, _ = _load(path / name)
                    touched = 0

    tensors = tuple(described for described, _ in stream())
    check_tensors(path, [each.name for each in tensors], expected)
    return Source(tensors, stream)


def blocks_of(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """Its values, flat, some at a time."""
    if tensor.numel():
        yield from torch.split(tensor.reshape(-1), _BLOCK)


def _load(path: Path) -> tuple[dict[str, torch.Tensor], bool]:
    """The tensors of a pickled file, and whether they are mapped; nothing but tensors is unpickled."""
    mapped = True
    try:
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # a file older than the zip format cannot be mapped
            mapped = False
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise Fault("bad_input", f"{path}: cannot be read ({error.strerror or error})") from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle makes torch raise anything
        if "can't allocate memory" in str(error):
            raise
        raise Fault(
            "bad_input",
            f"{path}: holds more than tensors, or is damaged (read with weights_only: no code in it is run)",
            "Use a checkpoint in safetensors.",
        ) from error
    if not isinstance(loaded, dict):
        raise Fault("bad_input", f"{path}: holds a {type(loaded).__name__}, not tensors by name")
    tensors = {str(key): value for key, value in loaded.items() if isinstance(value, torch.Tensor)}
    for name, tensor in tensors.items():
        if tensor.dtype not in NAMES or tensor.layout != torch.strided:
            raise Fault(
                "bad_input", f"{path}: {name} is {tensor.dtype}, {tensor.layout}; no such tensors here"
            )
    return tensors, mapped
