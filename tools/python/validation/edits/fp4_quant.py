"""Edit `fp4_quant`: simulated 4-bit floating point, the nearest of eight magnitudes in the stored dtype.

One scale a matrix (per tensor): scale = max|w| / top level; result = sign(w) * nearest level of |w| / scale *
scale. Halfway between two levels the smaller magnitude is taken. `e2m1` has the levels of the FP4 format; the
`aggressive` set has a smaller range. Source: docs/formulas.md, "Edits".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from validation.edits import kernels
from validation.edits.base import Edited, Weights, divided, on_gpu, row_chunks
from validation.job import Fault

LEVELS: dict[str, tuple[float, ...]] = {
    "e2m1": (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0),
    "aggressive": (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
}


@dataclass(frozen=True)
class Fp4Quant:
    """`format` names the set of levels."""

    format: str

    @classmethod
    def parse(cls, spec: Mapping[str, Any]) -> Fp4Quant:
        """Read `format`.

        Raises:
            Fault: `bad_edit` for an unknown one.
        """
        name = spec.get("format")
        if name not in LEVELS:
            raise Fault("bad_edit", f"fp4_quant: format is {name!r}; allowed are {', '.join(LEVELS)}")
        return cls(str(name))

    def parameters(self) -> dict[str, Any]:
        """The format."""
        return {"format": self.format}

    def apply(self, weights: Weights) -> Edited:
        """Quantize a matrix `[out, in]`."""
        values = weights.values
        if on_gpu(values):
            return Edited(kernels.fp4(values, weights.peak, LEVELS[self.format]))
        scale = divided(weights.peak, LEVELS[self.format][-1])
        if not bool(scale > 0):
            return Edited(values)
        result = torch.empty_like(values)
        if values.dtype.itemsize == 2:  # 20 times as fast: each of the 2^16 numbers is quantized once
            every = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32, device=values.device)
            table = self._nearest(every.to(torch.int16).view(values.dtype), scale)
            for rows in row_chunks(values):
                result[rows] = table[values[rows].contiguous().view(torch.int16).to(torch.int32) + (1 << 15)]
        else:
            for rows in row_chunks(values):
                result[rows] = self._nearest(values[rows], scale)
        return Edited(result)

    def summary(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Number of tensors, mean relative error, and that no native FP4 kernels are used."""
        mean = sum(row["relative_l1_error"] for row in rows) / max(1, len(rows))
        return {
            "quantized_tensors": len(rows),
            "avg_relative_error": float(f"{mean:.6g}"),
            "fp4_native": False,
        }

    def _nearest(self, values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        levels = torch.tensor(LEVELS[self.format], dtype=torch.float32, device=values.device)
        wide = values.float().contiguous()
        index = torch.bucketize((wide / scale).abs_(), (levels[:-1] + levels[1:]) / 2, out_int32=True)
        return torch.copysign(levels[index] * scale, wide).to(values.dtype)
