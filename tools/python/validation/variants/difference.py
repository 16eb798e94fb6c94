"""How far the weights of a copy are from the baseline's: one formula for edits and errors.

Source: docs/formulas.md, "Edits".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from validation.edits.base import one_thread, row_chunks
from validation.variants.publish import rounded


@dataclass
class Difference:
    """Sums over the changed matrices of a copy.

    Attributes:
        squares: sums of squares of (W' - W) and of W.
        magnitudes: the same sums of magnitudes.
    """

    squares: tuple[float, float] = (0.0, 0.0)
    magnitudes: tuple[float, float] = (0.0, 0.0)

    def add(self, before: torch.Tensor, after: torch.Tensor) -> dict[str, float]:
        """Count a matrix: |W' - W| / |W| by the Frobenius norm and by the sum of magnitudes, 0 for zeros."""
        sums = torch.zeros(4, dtype=torch.float64, device=before.device)
        with one_thread():
            for rows in row_chunks(before):
                old = before[rows].float()
                new = after[rows].float() - old
                for index, part in enumerate((new, old)):
                    sums[index] += (part * part).sum(dtype=torch.float64)
                    sums[index + 2] += part.abs().sum(dtype=torch.float64)
        new2, old2, new1, old1 = (float(value) for value in sums)
        self.squares = (self.squares[0] + new2, self.squares[1] + old2)
        self.magnitudes = (self.magnitudes[0] + new1, self.magnitudes[1] + old1)
        return {
            "relative_error": rounded((new2 / old2) ** 0.5 if old2 else 0.0),
            "relative_l1_error": rounded(new1 / old1 if old1 else 0.0),
        }

    @property
    def relative_error(self) -> float:
        """|W' - W| / |W| over all of them together; no finite number where a weight is none."""
        return rounded((self.squares[0] / self.squares[1]) ** 0.5 if self.squares[1] else 0.0)


def strict(value: float) -> float | str:
    """A number, or the name of one that strict JSON cannot hold (NaN, infinity)."""
    return value if math.isfinite(value) else str(value)
