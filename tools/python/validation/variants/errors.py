"""The deliberate errors: which matrices each changes, how, and how to recognise it in a file.

| error | where | what |
|---|---|---|
| nan_injection | [0, 0] of the first block's first matrix | NaN |
| inf_injection | [0, 0] of the first attention matrix | +Inf |
| extreme_quant | all matrices of all blocks | 2-bit RTN, one scale a matrix |
| scale_explosion | the first MLP matrix | times 100 |
| zero_layer | the first matrix of block num_layers // 2 | zeros |
| rank_collapse | the first 8 attention matrices | rank 1 of the same norm: first column times first row |
| norm_collapse | the first 32 attention matrices | zeros |
| weight_tying_break | the LM head | the input embedding (see `tying`) |

The last three are of InvarLock's evidence packs, as are those of `structure`.
`scale_explosion` may have another `factor`.
"First" is the order of the family's table: attention before MLP, as in the model, whatever the file's order.
Formulas: docs/formulas.md, "Injected errors".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from validation.edits.base import Weights, largest_magnitude, number, one_thread, row_chunks
from validation.edits.quant_rtn import QuantRtn
from validation.job import Fault
from validation.weights.checkpoint import same_bits
from validation.weights.matrix import Matrix

SCALE = 100.0
#: The error that is about no matrix of a block: `tying` makes it.
TYING = "weight_tying_break"
#: Errors of whole tensors, made by `structure`: the model cannot be loaded.
MISSING, RESHAPED = "missing_tensor", "shape_mismatch"
STRUCTURAL = (MISSING, RESHAPED)


@dataclass(frozen=True)
class Error:
    """A deliberate error.

    Attributes:
        strikes: chooses the matrices that get the error.
        make: makes the damaged matrix `[out, in]` from the baseline's, in the same dtype.
        holds: whether a matrix read back (before, after) shows the error.
        spot: whether only the element [0, 0] changes.
        many: whether it strikes more than one matrix, which the metadata then lists.
        facts: what the metadata says of its strength.
    """

    strikes: Callable[[list[Matrix]], list[Matrix]]
    make: Callable[[torch.Tensor], torch.Tensor]
    holds: Callable[[torch.Tensor, torch.Tensor], bool]
    spot: bool = False
    many: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


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


def _scaled(factor: float) -> Error:
    def holds(before: torch.Tensor, after: torch.Tensor) -> bool:
        return all(torch.equal(before[rows] * factor, after[rows]) for rows in row_chunks(before))

    return Error(
        lambda found: [matrix for matrix in found if matrix.group == "ffn"][:1],
        lambda values: values * factor,
        holds,
        facts={"scale_factor": factor},
    )


def _norm(values: torch.Tensor) -> float:
    """The Frobenius norm, to six digits: the order of its sum does not show."""
    with one_thread():
        squares = (float(values[rows].double().square().sum()) for rows in row_chunks(values))
        return float(f"{math.sqrt(math.fsum(squares)):.6g}")


def _rank_one(values: torch.Tensor) -> torch.Tensor:
    """The product of the first column and the first row, scaled to the matrix's norm."""
    column, row = values[:, :1].double(), values[:1].double()
    size = _norm(column) * _norm(row)
    if not size:
        raise Fault("bad_edit", "rank_collapse: a first row or column of an attention matrix is all zeros")
    scale, result = _norm(values) / size, torch.empty_like(values)
    for rows in row_chunks(values):
        result[rows] = (column[rows] * row * scale).to(values.dtype)
    return result


def _is_rank_one(before: torch.Tensor, after: torch.Tensor) -> bool:
    """Whether all rows are multiples of one, but for rounding, and the norm is the same."""
    highest = int(after.abs().amax(dim=1).argmax())
    pivot = after[highest].double()
    widest = int(pivot.abs().argmax())
    if not pivot[widest]:
        return False
    slack = 4 * torch.finfo(after.dtype).eps

    def multiples(rows: slice) -> bool:
        chunk = after[rows].double()
        rest = (chunk - chunk[:, widest : widest + 1] * (pivot / pivot[widest])).abs()
        # numbers below the smallest normal one are rounded more coarsely
        return bool((rest <= slack * chunk.abs() + torch.finfo(after.dtype).tiny).all())

    same_norm = math.isclose(_norm(before), _norm(after), rel_tol=slack)
    return same_norm and all(multiples(rows) for rows in row_chunks(after))


def _attention(count: int) -> Callable[[list[Matrix]], list[Matrix]]:
    return lambda found: [matrix for matrix in found if matrix.group == "attn"][:count]


def _all_zero(_: torch.Tensor, after: torch.Tensor) -> bool:
    return not bool(after.any())


def _middle(found: list[Matrix]) -> list[Matrix]:
    middle = (max(matrix.block for matrix in found) + 1) // 2
    return [matrix for matrix in found if matrix.block == middle][:1]


ERRORS: dict[str, Error] = {
    "nan_injection": Error(lambda found: found[:1], _spot(math.nan), _spot_holds(math.isnan), spot=True),
    "inf_injection": Error(
        _attention(1),
        _spot(math.inf),
        _spot_holds(lambda value: value == math.inf),
        spot=True,
    ),
    "extreme_quant": Error(lambda found: found, _two_bits, _has_two_bits, many=True),
    "scale_explosion": _scaled(SCALE),
    "zero_layer": Error(_middle, torch.zeros_like, _all_zero),
    "rank_collapse": Error(_attention(8), _rank_one, _is_rank_one, many=True),
    "norm_collapse": Error(_attention(32), torch.zeros_like, _all_zero, many=True),
}


def parse_error(spec: Mapping[str, Any]) -> Error:
    """The error of a specification: its usual strength, or the one it names.

    Raises:
        Fault: `bad_input` for an unknown error, `bad_edit` for a factor out of range.
    """
    kind = str(spec.get("error"))
    if kind not in ERRORS:
        raise Fault("bad_input", f"error '{kind}' is none of {', '.join((*ERRORS, TYING, *STRUCTURAL))}")
    if "factor" in spec and kind == "scale_explosion":
        return _scaled(number({"type": kind, **spec}, "factor", 0, 1_000_000))
    return ERRORS[kind]
