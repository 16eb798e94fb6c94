"""The proof that an error is in the written files: both models are read again and compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from validation.edits.base import one_thread, row_chunks
from validation.job import Fault
from validation.variants.difference import Difference, strict
from validation.variants.errors import Error
from validation.variants.publish import rounded
from validation.weights.checkpoint import Checkpoint, Shard, same_bits
from validation.weights.matrix import Matrix, Piece
from validation.weights.rewrite import pieces_by_tensor, runs

#: What InvarLock's evidence packs call the number of matrices.
COUNTED = {
    "extreme_quant": "quantized_params",
    "rank_collapse": "rank_collapsed_params",
    "norm_collapse": "norm_collapsed_params",
}
Targets = Mapping[Piece, Sequence[Matrix]]


@dataclass
class _Seen:
    """What reading back has found so far: how far the matrices with the error are from the baseline's.

    And the sum of squares of those with the error, or of a spot the value before and after.
    """

    squares: float = 0.0
    spot: tuple[float, float] = (0.0, 0.0)
    difference: Difference = field(default_factory=Difference)
    changed: bool = False


def prove(source: Checkpoint, copy: Checkpoint, kind: str, error: Error, targets: Targets) -> dict[str, Any]:
    """Read both checkpoints again: the error is in its matrices, and all other bits are equal.

    A shard that is linked from the baseline is the baseline's own file.

    Returns:
        The metadata of the error, with what was read back.

    Raises:
        Fault: `bad_edit` when the baseline already was like that; `internal` when the proof fails.
    """
    seen, struck = _Seen(), {piece.tensor for piece in targets}
    for shard, other in zip(source.shards, copy.shards, strict=True):
        if shard.header != other.header:
            raise Fault("internal", f"{other.path}: its tensors are not those of the baseline")
        if not other.path.samefile(shard.path):
            _compare(shard, other, kind, error, targets, seen)
        elif any(stored.name in struck for stored in shard.tensors):
            raise Fault("internal", f"{other.path}: is the baseline's own, and should have the {kind}")
    if not seen.changed:
        raise Fault("bad_edit", f"{source.path}: already is as {kind} would make it; nothing to detect")
    return _metadata(source, kind, error, [matrix for found in targets.values() for matrix in found], seen)


def _compare(shard: Shard, other: Shard, kind: str, error: Error, targets: Targets, seen: _Seen) -> None:
    pieces = pieces_by_tensor([targets])
    with shard.open() as before, other.open() as after:
        for stored in shard.tensors:
            for begin, end, piece in runs(stored, pieces.get(stored.name, [])):
                at, count = stored.begin + begin, end - begin
                old, new = before.read(at, count), after.read(at, count)
                if piece is not None:
                    seen.changed |= not same_bits(old, new)
                    old, new = (each.view(stored.torch_dtype).view(piece.shape) for each in (old, new))
                    for matrix in targets[piece]:
                        _look(matrix, old, new, kind, error, other, seen)
                if not same_bits(old, new):
                    beside = f" beside its {kind}" if piece is not None else ", and should not"
                    raise Fault("internal", f"{other.path}: {stored.name} differs from the baseline{beside}")


def _look(
    matrix: Matrix,
    old: torch.Tensor,
    new: torch.Tensor,
    kind: str,
    error: Error,
    other: Shard,
    seen: _Seen,
) -> None:
    """Check the error in one matrix and undo it in `new`, so that the rest can be compared bit by bit."""
    before, after = matrix.take(old), matrix.take(new)
    if not error.holds(before, after):
        raise Fault("internal", f"{other.path}: {matrix.name}, read back, does not have the {kind}")
    if error.spot:
        seen.spot = (float(before[0, 0]), float(after[0, 0]))
    else:
        seen.squares += _square(after)
    seen.difference.add(before, after)
    matrix.put(new, before)


def _metadata(
    source: Checkpoint, kind: str, error: Error, found: Sequence[Matrix], seen: _Seen
) -> dict[str, Any]:
    first = found[0]
    read_back: list[dict[str, Any]] = (
        [{"value": strict(value)} for value in seen.spot]
        if error.spot
        else [
            {"frobenius": rounded(math.sqrt(value))} for value in (seen.difference.squares[1], seen.squares)
        ]
    )
    described: dict[str, Any] = {
        "schema": 1,
        "error_type": kind,
        "injected": True,
        "proved_by_reading_back": True,
        "index": first.index(source.tensors[first.tensor].shape) if error.spot else None,
        "before": read_back[0],
        "after": read_back[1],
        "totals": {
            "matrices": len(found),
            "tensors": len({matrix.tensor for matrix in found}),
            "parameters_changed": sum(matrix.parameters for matrix in found),
            "relative_error": strict(seen.difference.relative_error),
        },
    }
    if error.many:
        return described | {
            "tensor": None,
            "tensors": list(dict.fromkeys(matrix.tensor for matrix in found)),
            COUNTED[kind]: len(found),
        }
    return described | {
        "tensor": first.tensor,
        "matrix": first.name,
        "target_param": first.tensor,
        "target_block": first.block if first.block >= 0 else None,
        **error.facts,
    }


def _square(values: torch.Tensor) -> float:
    with one_thread():
        return sum(
            float(values[rows].float().square().sum(dtype=torch.float64)) for rows in row_chunks(values)
        )
