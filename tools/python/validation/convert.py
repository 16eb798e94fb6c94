"""Any model directory into a bf16 safetensors one, tensor by tensor."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from validation.checkpoint import (
    DTYPES,
    INDEX,
    NAMES,
    OWN_FILES,
    SINGLE,
    check_tensors,
    make_header,
    raw_bytes,
    read_index,
    read_json,
    read_shards,
)
from validation.job import Fault, emit, write_json
from validation.profile import NAME as PROFILE
from validation.store import Entry

_PICKLED, _PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
_COPIED = frozenset({".json", ".model", ".txt", ".jinja", ".tiktoken"})
#: Written here or at the commit, or (where the source is itself an entry of a store) not true of the new one.
_MADE = OWN_FILES | {PROFILE, "config.json"}
_FLOATS = frozenset({torch.float64, torch.float32, torch.float16, torch.bfloat16})


def convert(source: Path, entry: Entry, trusted: bool) -> int:
    """Write the model at `source` into an entry's draft: weights as bf16, configuration, tokenizer.

    Floating-point tensors are rounded once (half to even); integers and what is bf16 keep their bits.

    Args:
        source: a directory with config.json and safetensors or pytorch_model*.bin.
        entry: the entry whose draft is filled.
        trusted: whether the model's own Python files come along.

    Returns:
        Bytes of all tensors.

    Raises:
        Fault: `bad_input` for a directory that holds no such model whole, or a quantized one.
    """
    config = read_json(source / "config.json")
    if config.get("quantization_config") is not None:
        raise Fault(
            "bad_input",
            f"{source}: the checkpoint is quantized already (quantization_config in config.json)",
            "Name the model's unquantized checkpoint in suite.yaml.",
        )
    pickled = not (source / SINGLE).is_file() and not (source / INDEX).is_file()
    weight_map, total = _convert_pickled(source, entry) if pickled else _convert_safetensors(source, entry)
    if len(set(weight_map.values())) > 1 or SINGLE not in weight_map.values():
        write_json(entry.draft / INDEX, {"metadata": {"total_size": total}, "weight_map": weight_map})
    for path in sorted(source.iterdir()):
        copied = path.suffix in _COPIED or (trusted and path.suffix == ".py")
        if copied and path.is_file() and not path.name.endswith(".index.json") and path.name not in _MADE:
            shutil.copyfile(path, entry.draft / path.name)
    for key in [key for key in ("dtype", "torch_dtype") if key in config] or ["dtype"]:
        config[key] = "bfloat16"
    write_json(entry.draft / "config.json", config)
    return total


def _convert_safetensors(source: Path, entry: Entry) -> tuple[dict[str, str], int]:
    weight_map, total = {}, 0
    shards = read_shards(source)
    for number, shard in enumerate(shards):
        emit("progress", message="converting to bf16", done=number, total=len(shards))
        name = shard.path.name
        shapes = {stored.name: (_target(DTYPES[stored.dtype]), stored.shape) for stored in shard.tensors}
        total += _write(entry, name, shapes, (shard.read(stored) for stored in shard.tensors))
        weight_map.update(dict.fromkeys(shapes, name))
    return weight_map, total


def _convert_pickled(source: Path, entry: Entry) -> tuple[dict[str, str], int]:
    if (source / _PICKLED_INDEX).is_file():
        expected = read_index(source / _PICKLED_INDEX)
        names = sorted(set(expected.values()))
    elif (source / _PICKLED).is_file():
        names, expected = [_PICKLED], {}
    else:
        raise Fault("bad_input", f"{source}: has neither safetensors nor {_PICKLED}")
    weight_map, total, found = {}, 0, list[str]()
    for number, name in enumerate(names):
        emit("progress", message="converting to bf16", done=number, total=len(names))
        tensors = _load(source / name)
        target = SINGLE if len(names) == 1 else f"model-{number + 1:05d}-of-{len(names):05d}.safetensors"
        shapes = {key: (_target(tensor.dtype), tuple(tensor.shape)) for key, tensor in tensors.items()}
        total += _write(entry, target, shapes, tensors.values())
        weight_map.update(dict.fromkeys(shapes, target))
        found.extend(shapes)
    check_tensors(source, found, expected)
    return weight_map, total


def _load(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a pickled file, mapped; nothing but tensors is unpickled."""
    try:
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # a file older than the zip format cannot be mapped
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise Fault("bad_input", f"{path}: cannot be read ({error.strerror or error})") from error
    except MemoryError:
        raise
    except Exception as error:  # a broken pickle makes torch raise anything
        if "can't allocate memory" in str(error):
            raise
        raise Fault(
            "bad_input",
            f"{path}: holds more than tensors, or is broken (read with weights_only: no code in it is run)",
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
    return tensors


def _target(dtype: torch.dtype) -> torch.dtype:
    return torch.bfloat16 if dtype in _FLOATS else dtype


def _write(
    entry: Entry,
    name: str,
    shapes: Mapping[str, tuple[torch.dtype, Any]],
    tensors: Iterable[torch.Tensor],
) -> int:
    file, total = entry.create(name), 0
    file.write(make_header(shapes))
    for (dtype, _), tensor in zip(shapes.values(), tensors, strict=True):
        data = raw_bytes(tensor.to(dtype))
        file.write(data)
        total += len(data)
    entry.finish(name)
    return total
