"""Edit `scale`: every weight times `factor`, in float32, rounded once. Source: docs/formulas.md, "Edits"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from validation.edits.base import Edited, Weights, number, require_room, row_chunks
from validation.job import Fault


@dataclass(frozen=True)
class Scale:
    """`factor` multiplies every weight."""

    factor: float

    @classmethod
    def parse(cls, spec: Mapping[str, Any]) -> Scale:
        """Read `factor` (0 < factor < 10^6, not 1).

        Raises:
            Fault: `bad_edit` for anything else.
        """
        factor = number(spec, "factor", 0, 1_000_000)
        if factor == 1:
            raise Fault("bad_edit", "scale: factor is 1, which changes nothing")
        return cls(factor)

    def parameters(self) -> dict[str, Any]:
        """The factor."""
        return {"factor": self.factor}

    def apply(self, weights: Weights) -> Edited:
        """Scale a matrix `[out, in]`."""
        values = weights.values
        require_room(weights, float(weights.peak) * (self.factor - 1))
        result = torch.empty_like(values)
        for rows in row_chunks(values):
            result[rows] = (values[rows].float() * self.factor).to(values.dtype)
        return Edited(result)

    def summary(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The number of matrices."""
        return {"scaled_matrices": len(rows)}
