"""Edit `zero_blocks`: the matrices in scope of `count` transformer blocks become zeros.

The middle block (L // 2 of L) goes first, then those next to it by turns, the later one first: a larger count
zeroes all blocks of a smaller one, and the first and the last blocks, without which no model works, go last.
Source: docs/formulas.md, "Edits".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from validation.edits.base import Edited, Weights, whole_number
from validation.job import Fault
from validation.weights.matrix import Matrix


@dataclass(frozen=True)
class ZeroBlocks:
    """`count` is the number of blocks."""

    count: int

    @classmethod
    def parse(cls, spec: Mapping[str, Any]) -> ZeroBlocks:
        """Read `count`.

        Raises:
            Fault: `bad_edit` when it is not a whole number from 1.
        """
        return cls(whole_number(spec, "count", 1))

    def parameters(self) -> dict[str, Any]:
        """The number of blocks."""
        return {"count": self.count}

    def struck(self, found: Sequence[Matrix]) -> list[Matrix]:
        """Those of the matrices that lie in the blocks to zero; the others are not touched.

        Raises:
            Fault: `bad_edit` when the model has fewer blocks.
        """
        numbers = {matrix.block for matrix in found}
        blocks = order(max(numbers, default=-1) + 1)
        chosen = [block for block in blocks if block in numbers][: self.count]
        if len(chosen) < self.count:
            raise Fault(
                "bad_edit",
                f"zeroes {self.count} blocks, and the model has {len(chosen)} with matrices in its scope",
                f"Give it a count of {len(chosen)} at most.",
            )
        return [matrix for matrix in found if matrix.block in chosen]

    def apply(self, weights: Weights) -> Edited:
        """Zeros in the place of a matrix of a block that is struck."""
        return Edited(torch.zeros_like(weights.values))

    def summary(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The number of matrices."""
        return {"zeroed_matrices": len(rows)}


def order(blocks: int) -> list[int]:
    """The numbers of so many blocks from the middle outwards: 2, 3, 1, 4, 0 of five."""
    return sorted(range(blocks), key=lambda block: (abs(block - blocks // 2), block < blocks // 2))
