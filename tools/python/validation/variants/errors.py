"""The deliberate errors: which matrices each changes, how, and how to recognise it in a file.

| error | where | what |
|---|---|---|
| nan_injection | [0, 0] of the first block's first matrix | NaN |
| inf_injection | [0, 0] of the first attention matrix | +Inf |
| extreme_quant | all matrices of all blocks | 2-bit RTN, one scale a matrix |
| scale_explosion | the first MLP matrix | times 100 |
| zero_layer | the first matrix of block num_layers // 2 | zeros |

"First" is the order of the family's table: attention before MLP, as in the model, whatever the file's order.
Formulas: docs/formulas.md, "Injected errors".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from validation.edits.base import Weights, largest_magnitude, row_chunks
from validation.edits.quant_rtn import QuantRtn
from validation.weights.checkpoint import same_bits
from validation.weights.matrix import Matrix

SCALE = 100.0


@dataclass(frozen=True)
class Error:
    """A deliberate error.

    Attributes:
        strikes: chooses the matrices that get the error.
        make: makes the damaged matrix `[out, in]` from the baseline's, in the same dtype.
        holds: whether a matrix read back (before, after) shows the error.
        spot: whether only the element [0, 0] changes.
    """

    strikes: Callable[[list[Matrix]], list[Matrix]]
    make: Callable[[torch.Tensor], torch.Tensor]
    holds: Callable[[torch.Tensor, torch.Tensor], bool]
    spot: bool = False


def _spot(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def make(values: torch.Tensor) -> torch.Tensor:
        result = values.clone()
        result[0, 0] = value
        return result

    return make


def _spot_holds(is_it: Callable[[float], bool]) -> Callable[[torch.Tensor, torch.Tensor], bool]:
    def holds(before: torch.Tensor, after: torch.Tensor) -> bool:
        undone = after.clone()
        undone[0, 0] = before[0, 0]
        return is_it(float(after[0, 0])) and same_bits(undone, before)

    return holds


def _two_bits(values: torch.Tensor) -> torch.Tensor:
    return QuantRtn(bits=2, group_size=None).apply(Weights("", values)).values


def _has_two_bits(_: torch.Tensor, after: torch.Tensor) -> bool:
    peak = largest_magnitude(after)

    def two_bits(rows: slice) -> bool:
        magnitudes = after[rows].abs()
        return bool(((magnitudes == 0) | (magnitudes == peak)).all())

    return all(two_bits(rows) for rows in row_chunks(after))


def _is_scaled(before: torch.Tensor, after: torch.Tensor) -> bool:
    return all(torch.equal(before[rows] * SCALE, after[rows]) for rows in row_chunks(before))


def _middle(found: list[Matrix]) -> list[Matrix]:
    middle = (max(matrix.block for matrix in found) + 1) // 2
    return [matrix for matrix in found if matrix.block == middle][:1]


ERRORS: dict[str, Error] = {
    "nan_injection": Error(lambda found: found[:1], _spot(math.nan), _spot_holds(math.isnan), spot=True),
    "inf_injection": Error(
        lambda found: [matrix for matrix in found if matrix.group == "attn"][:1],
        _spot(math.inf),
        _spot_holds(lambda value: value == math.inf),
        spot=True,
    ),
    "extreme_quant": Error(lambda found: found, _two_bits, _has_two_bits),
    "scale_explosion": Error(
        lambda found: [matrix for matrix in found if matrix.group == "ffn"][:1],
        lambda values: values * SCALE,
        _is_scaled,
    ),
    "zero_layer": Error(_middle, torch.zeros_like, lambda _, after: not bool(after.any())),
}
