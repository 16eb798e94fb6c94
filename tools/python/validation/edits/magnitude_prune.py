"""Edit `magnitude_prune`: exactly floor(n * sparsity) of a matrix's smallest magnitudes become zero.

Among equal magnitudes those at lower positions (row by row) become zero first. Existing zeros count as the
smallest, so a matrix that already has more zeros stays as it is. The sparsity is taken as the decimal number
that is written, not as its binary neighbour: 29 of 100 at 0.29. Source: docs/formulas.md, "Edits".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch

from validation.edits.base import Edited, Weights, on_gpu, row_chunks
from validation.edits.thresholds import Thresholds, prune
from validation.job import Fault

_BITS = {torch.bfloat16: torch.int16, torch.float16: torch.int16, torch.float32: torch.int32}


@dataclass(frozen=True)
class MagnitudePrune:
    """`sparsity` is the share of each matrix to prune."""

    sparsity: float

    @classmethod
    def parse(cls, spec: Mapping[str, Any]) -> MagnitudePrune:
        """Read `sparsity` (0 < s < 1).

        Raises:
            Fault: `bad_edit` for anything else.
        """
        value = spec.get("sparsity")
        if not isinstance(value, float) or not 0 < value < 1:
            raise Fault(
                "bad_edit", f"magnitude_prune: sparsity is {value!r}; a number between 0 and 1 is allowed"
            )
        return cls(value)

    def parameters(self) -> dict[str, Any]:
        """The sparsity, also as `target_sparsity`, as InvarLock's B200 validation suite v2.1.0 names it."""
        return {"sparsity": self.sparsity, "target_sparsity": self.sparsity}

    def apply(self, weights: Weights) -> Edited:
        """Prune a matrix `[out, in]`."""
        values = weights.values
        count = self.count(values.numel())
        if count and on_gpu(values) and values.dtype.itemsize == 2:
            cuts = _cuts(weights, count)
            # started before it is known whether the threshold is exact, so that the GPU does not wait for the
            # answer
            made = prune(values, cuts.of[count])
            if cuts.right(count):
                return Edited(made, {"zeros": count, "sparsity": _share(count, values.numel())})
            del made
        result = torch.empty_like(values)
        threshold, ties = _threshold(weights, count) if count else (-1, 0)
        for rows in row_chunks(values):
            chunk = values[rows].clone(memory_format=torch.contiguous_format)
            bits = _magnitude_bits(chunk)
            tied = bits == threshold
            if int(torch.count_nonzero(tied)) > ties:
                tied &= tied.view(-1).cumsum(0, dtype=torch.int32).view(tied.shape) <= ties
            ties -= int(torch.count_nonzero(tied))
            result[rows] = chunk.masked_fill_((bits < threshold) | tied, 0.0)
        zeros = values.numel() - int(torch.count_nonzero(result))
        return Edited(result, {"zeros": zeros, "sparsity": _share(zeros, values.numel())})

    def count(self, elements: int) -> int:
        """How many of `elements` become zero."""
        return int(elements * Fraction(str(self.sparsity)))

    def summary(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The sparsity reached over all edited matrices, and their number."""
        zeros, total = sum(row["zeros"] for row in rows), sum(row["parameters"] for row in rows)
        return {"actual_sparsity": _share(zeros, total), "pruned_params": len(rows)}


def _magnitude_bits(chunk: torch.Tensor) -> torch.Tensor:
    """|w| as integers with the same order: the bits of each number without its sign."""
    kind = _BITS[chunk.dtype]
    return chunk.view(kind) & torch.iinfo(kind).max


def _cuts(weights: Weights, count: int) -> Thresholds:
    """The thresholds of all prunings in this pass, found together."""
    if "cuts" not in weights.shared:
        size = weights.values.numel()
        every = {edit.count(size) for edit in weights.edits if isinstance(edit, MagnitudePrune)}
        weights.shared["cuts"] = Thresholds(weights.values, sorted({count, *every} - {0}))
    cuts: Thresholds = weights.shared["cuts"]
    return cuts


def _threshold(weights: Weights, count: int) -> tuple[int, int]:
    """The `count`-th smallest, and how many of those equal to it are among the `count` smallest.

    Uses a histogram of 16 bits at a time (one for 16-bit numbers, two for 32-bit ones), which takes linear
    time and no copy. The first one is the same for every count.
    """
    prefix, left, width = 0, count, torch.iinfo(_BITS[weights.values.dtype]).bits
    for shift in range(width - 16, -1, -16):
        if shift + 16 < width:
            upto = _counts(weights.values, shift, prefix)
        else:
            if "magnitudes" not in weights.shared:
                weights.shared["magnitudes"] = _counts(weights.values, shift, None)
            upto = weights.shared["magnitudes"]
        digit = int(torch.searchsorted(upto, left))
        left -= int(upto[digit - 1]) if digit else 0
        prefix = (prefix << 16) | digit
    return prefix, left


def _counts(values: torch.Tensor, shift: int, prefix: int | None) -> torch.Tensor:
    """Cumulative counts of the 16 bits from `shift` on, of magnitudes whose higher bits are `prefix`."""
    histogram = torch.zeros(1 << 16, dtype=torch.int64, device=values.device)
    for rows in row_chunks(values):
        wide = _magnitude_bits(values[rows].contiguous()).to(torch.int32)
        digits = ((wide >> shift) & 0xFFFF).view(-1)
        if prefix is not None:
            digits = digits[(wide >> (shift + 16)).view(-1) == prefix]
        histogram += torch.bincount(digits, minlength=1 << 16)
    return histogram.cumsum(0)


def _share(part: int, whole: int) -> float:
    return float(f"{part / max(1, whole):.6g}")
