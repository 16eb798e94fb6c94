"""The conversion of a model directory to bf16 safetensors, block by block, in the shards of the layout."""

from __future__ import annotations

import math
import shutil
import time
from pathlib import Path

import torch

from validation.formats.table import OTHER_FILES, Recognised, without_format
from validation.job import emit, write_json
from validation.sources.intake import Intake, look
from validation.sources.profile import NAME as PROFILE
from validation.weights.checkpoint import FLOATS, INDEX, OWN_FILES, SINGLE, make_header, raw_bytes, read_json
from validation.weights.layout import ShardPlan, plan_shards
from validation.weights.rounding import rounded_once
from validation.weights.store import Entry, HashedFile

_COPIED = frozenset({".json", ".model", ".txt", ".jinja", ".tiktoken"})
#: Written here or at the commit; those of a source that is itself an entry of a store are not copied.
_MADE = OWN_FILES | {PROFILE, "config.json", *OTHER_FILES}
_PROGRESS_SECONDS = 1.0


def convert(source: Path, entry: Entry, trusted: bool, quantized: Recognised | None = None) -> int:
    """Write the model at `source` into an entry's draft: weights as bf16, configuration, tokenizer.

    Floating-point tensors are rounded once (half to even); integers and what is bf16 keep their bits, as what
    transformers keeps in float32 does. What transformers does not load is left out: an edit of it would have
    no effect.

    Args:
        source: a directory with config.json and safetensors or pytorch_model*.bin.
        entry: the entry whose draft is filled.
        trusted: whether the model's own Python files come along.
        quantized: the format of a checkpoint that is dequantised on the way.

    Returns:
        Bytes of all tensors.

    Raises:
        Fault: `bad_input` as `look`.
    """
    config = without_format(read_json(source / "config.json"))
    total = _convert_weights(look(source, trusted, quantized), entry)
    for path in sorted(source.iterdir()):
        copied = path.suffix in _COPIED or (trusted and path.suffix == ".py")
        if copied and path.is_file() and not path.name.endswith(".index.json") and path.name not in _MADE:
            shutil.copyfile(path, entry.draft / path.name)
    for key in [key for key in ("dtype", "torch_dtype") if key in config] or ["dtype"]:
        config[key] = "bfloat16"
    write_json(entry.draft / "config.json", config)
    return total


def _convert_weights(intake: Intake, entry: Entry) -> int:
    """Write the shards, each group's tensors in the order of the source, and their index."""
    opened = intake.source
    targets = {
        each.name: stored_dtype(each.dtype, loaded)
        for each in opened.tensors
        if (loaded := intake.built.dtype_of(each.name)) is not None
    }
    shards = plan_shards(
        (each.name, targets[each.name], each.shape) for each in opened.tensors if each.name in targets
    )
    of = {name: shard for shard in shards for name, _, _ in shard.tensors}
    total = sum(math.prod(shape) * dtype.itemsize for shard in shards for _, dtype, shape in shard.tensors)
    done, reported, files = 0, time.monotonic(), dict[str, HashedFile]()
    for tensor, blocks in opened.stream():
        if tensor.name not in targets:
            continue
        shard = of[tensor.name]
        file = files.get(shard.file) or _begin(entry, shard, files)
        for block in blocks():
            data = raw_bytes(rounded_once(block, targets[tensor.name]))
            file.write(data)
            done += len(data)
            if time.monotonic() - reported >= _PROGRESS_SECONDS:
                reported = time.monotonic()
                emit("progress", message="converting to bf16", done=done, total=total)
        if tensor.name == shard.tensors[-1][0]:
            entry.finish(shard.file)
    if [shard.file for shard in shards] != [SINGLE]:
        weight_map = {name: shard.file for shard in shards for name, _, _ in shard.tensors}
        write_json(entry.draft / INDEX, {"metadata": {"total_size": total}, "weight_map": weight_map})
    emit("progress", message="converting to bf16", done=done, total=total)
    return total


def _begin(entry: Entry, shard: ShardPlan, files: dict[str, HashedFile]) -> HashedFile:
    files[shard.file] = entry.create(shard.file)
    files[shard.file].write(make_header({name: (dtype, shape) for name, dtype, shape in shard.tensors}))
    return files[shard.file]


def stored_dtype(dtype: torch.dtype, loaded: torch.dtype) -> torch.dtype:
    """The dtype to write for one of the source and the one it is loaded as."""
    if dtype not in FLOATS:
        return dtype
    return torch.float32 if dtype.itemsize > 2 and loaded == torch.float32 else torch.bfloat16
