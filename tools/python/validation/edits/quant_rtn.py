"""Edit `quant_rtn`: round-to-nearest quantization to 2-8 bits, written back in the stored dtype.

Symmetric, with one scale for each group of `group_size` inputs of one output row: scale = max|w| /
(2^(bits-1) - 1), level = round(w / scale) clamped to -2^(bits-1) ... 2^(bits-1) - 1, result = level * scale.
Halves round to the even level. Where `group_size` does not divide the row, its last group is shorter and has
its own scale. If a row is shorter than `group_size`, the whole matrix is one group (per tensor). A group of
zeros stays. Source: docs/formulas.md, "Edits".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from validation.edits import kernels
from validation.edits.base import (
    Edited,
    Weights,
    divided,
    largest_magnitude,
    on_gpu,
    row_chunks,
    whole_number,
)


@dataclass(frozen=True)
class QuantRtn:
    """`group_size` None means one scale for the whole matrix."""

    bits: int
    group_size: int | None

    @classmethod
    def parse(cls, spec: Mapping[str, Any]) -> QuantRtn:
        """Read `bits` (2-8) and `group_size`.

        Raises:
            Fault: `bad_edit` for anything else.
        """
        return cls(whole_number(spec, "bits", 2, 8), whole_number(spec, "group_size", 1))

    def parameters(self) -> dict[str, Any]:
        """Bits and group size."""
        return {"bits": self.bits, "group_size": self.group_size}

    def apply(self, weights: Weights) -> Edited:
        """Quantize a matrix `[out, in]`."""
        values, size = weights.values, self.group_size
        width = values.shape[1]
        if size is not None and on_gpu(values) and kernels.serves_groups(values, size):
            made = kernels.rtn(values, size, 2 ** (self.bits - 1) - 1)
            return Edited(made, {"groups": values.numel() // size})
        result = torch.empty_like(values)
        if size is None or width < size:
            peak = largest_magnitude(values)
            for rows in row_chunks(values):
                result[rows] = self._round(values[rows].float(), peak).to(values.dtype)
            return Edited(result, {"groups": 1})
        whole = width - width % size
        for rows in row_chunks(values):
            chunk = values[rows].float()
            grouped = chunk[:, :whole].reshape(chunk.shape[0], -1, size)
            rounded = self._round(grouped, grouped.abs().amax(dim=-1, keepdim=True))
            result[rows, :whole] = rounded.reshape(chunk.shape[0], whole).to(values.dtype)
            if whole < width:
                tail = chunk[:, whole:]
                result[rows, whole:] = self._round(tail, tail.abs().amax(dim=-1, keepdim=True)).to(
                    values.dtype
                )
        return Edited(result, {"groups": values.shape[0] * -(-width // size)})

    def summary(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The number of quantized matrices."""
        return {"quantized_params": len(rows)}

    def _round(self, group: torch.Tensor, peak: torch.Tensor) -> torch.Tensor:
        top = 2 ** (self.bits - 1) - 1
        scale = divided(peak, top)
        levels = torch.clamp_(torch.round_(group / scale), -top - 1, top)
        return torch.where(scale > 0, levels.mul_(scale), group)
