"""Errors of a checkpoint's structure: what is left cannot be loaded whole, as the files are not the model.

| error | what |
|---|---|
| missing_tensor | the tensor of the last block's first matrix is neither in the files nor in their index |
| shape_mismatch | the input embedding has 8 rows of zeros more than config.json says |

They are named for those of InvarLock's evidence packs, which change config.json too and so give smaller and
larger models that load; here config.json stays as it was. Formulas: docs/formulas.md, "Injected errors".
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from validation.job import Fault, write_json
from validation.variants.errors import MISSING
from validation.variants.tying import embeds
from validation.weights.built import build
from validation.weights.checkpoint import (
    INDEX,
    Checkpoint,
    Shard,
    Stored,
    make_header,
    open_checkpoint,
    raw_bytes,
    read_json,
    same_bits,
)
from validation.weights.matrices import matrices
from validation.weights.rewrite import copy_other_files
from validation.weights.store import Entry

#: Rows that the evidence packs add to an embedding.
ROWS = 8


def break_structure(source: Checkpoint, entry: Entry, kind: str, declared: Any) -> dict[str, Any]:
    """Fill an entry's draft with a copy that has the error, read it again, and describe what was proven.

    Raises:
        Fault: `bad_edit` for a model without such a tensor, or one that loads whole all the same; `internal`
            when what was written is not as it should be.
    """
    struck = _struck(source, kind, declared)
    after = None if kind == MISSING else replace(struck, shape=(struck.shape[0] + ROWS, *struck.shape[1:]))
    for shard in source.shards:
        if struck not in shard.tensors:
            entry.link(shard.path)
        elif after is not None or len(shard.tensors) > 1:
            _write(shard, entry, struck, after)
    copy_other_files(source, entry)
    if (entry.draft / INDEX).is_file():
        _write_index(entry.draft / INDEX, struck, after)
    said = _prove(source, open_checkpoint(entry.draft), struck, after)
    return {
        "schema": 1,
        "error_type": kind,
        "injected": True,
        "proved_by_reading_back": True,
        "tensor": struck.name,
        "target_param": struck.name,
        "before": {"shape": list(struck.shape)},
        "after": None if after is None else {"shape": list(after.shape)},
        "loads_whole": False,
        "said_of_it": said,
    }


def _struck(source: Checkpoint, kind: str, declared: Any) -> Stored:
    if kind == MISSING:
        found = matrices(source, declared)
        if not found:
            raise Fault("bad_edit", f"{source.path}: has no matrix for {kind}")
        last = next(matrix for matrix in found if matrix.block == found[-1].block)
        return source.tensors[last.tensor]
    embedding = next((each for each in source.tensors.values() if embeds(each.name)), None)
    if embedding is None:
        raise Fault("bad_edit", f"{source.path}: has no input embedding for {kind}")
    return embedding


def _write(shard: Shard, entry: Entry, struck: Stored, after: Stored | None) -> None:
    kept = [after if stored == struck else stored for stored in shard.tensors]
    there = [stored for stored in kept if stored is not None]
    file = entry.create(shard.path.name)
    file.write(make_header({stored.name: (stored.torch_dtype, stored.shape) for stored in there}))
    for stored in shard.tensors:
        if stored != struck:
            file.write(raw_bytes(shard.read(stored)))
        elif after is not None:
            values = shard.read(stored)
            file.write(raw_bytes(values))
            file.write(raw_bytes(torch.zeros((ROWS, *stored.shape[1:]), dtype=values.dtype)))
    entry.finish(shard.path.name)


def _write_index(path: Path, struck: Stored, after: Stored | None) -> None:
    index = read_json(path)
    if after is None:
        del index["weight_map"][struck.name]
    metadata = index.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("total_size"), int):
        now = 0 if after is None else after.parameters * after.torch_dtype.itemsize
        metadata["total_size"] += now - struck.bytes
    write_json(path, index)


def _prove(source: Checkpoint, copy: Checkpoint, struck: Stored, after: Stored | None) -> str:
    """Check the error and that all else has the same bits; returns what loading says of the copy."""
    wanted = {name: (each.dtype, each.shape) for name, each in source.tensors.items()}
    if after is None:
        del wanted[struck.name]
    else:
        wanted[after.name] = (after.dtype, after.shape)
    if {name: (each.dtype, each.shape) for name, each in copy.tensors.items()} != wanted:
        raise Fault("internal", f"{copy.path}: its tensors are not those of the error")
    if copy.config != source.config:
        raise Fault("internal", f"{copy.path}: its config.json is not the baseline's")
    for shard, stored in copy.each():
        if any(
            shard.path.name == other.path.name and shard.path.samefile(other.path) for other in source.shards
        ):
            continue
        values, before = shard.read(stored), source.read(stored.name)
        if stored.name == struck.name:
            if values[: struck.shape[0]].shape != before.shape or bool(values[struck.shape[0] :].any()):
                raise Fault(
                    "internal", f"{shard.path}: {stored.name} does not have {ROWS} rows of zeros more"
                )
            values = values[: struck.shape[0]]
        if not same_bits(values, before):
            raise Fault("internal", f"{shard.path}: {stored.name} differs from the baseline, and should not")
    return _refused(copy)


def _refused(copy: Checkpoint) -> str:
    """What the check of a model's directory says of the copy.

    Raises:
        Fault: `bad_edit` when it says nothing: then the error is none.
    """
    if copy.config.get("auto_map"):
        return "not asked: the model has code of its own"
    try:
        build(copy.path, copy.described)
    except Fault as fault:
        return str(fault).replace(f"{copy.path}: ", "")
    raise Fault("bad_edit", "transformers loads the model whole all the same: no error")
