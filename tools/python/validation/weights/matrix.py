"""A logical matrix `[out, in]`: its place in a tensor of the checkpoint, and how to take and put its values.

A tensor may hold one matrix, or several: the experts of a 3-D tensor, gate above up, the heads of q, k and v
interleaved. It may be stored transposed (`[in, out]`, GPT-2's Conv1D). A matrix is read by its *piece*,
the shortest run of the tensor's bytes that contains the whole matrix: gate is read without up, and an expert
without the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

Group = Literal["attn", "ffn"]


@dataclass(frozen=True)
class Piece:
    """A run of a tensor's elements, seen as `[height, width]`; `first` is the index of its first element."""

    tensor: str
    first: int
    shape: tuple[int, int]

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return self.shape[0] * self.shape[1]


@dataclass(frozen=True)
class Rows:
    """Rows that belong to a matrix: `begin` to `end` of each of `groups` equal groups (along `out`)."""

    groups: int
    begin: int
    end: int


@dataclass(frozen=True)
class Matrix:
    """One logical matrix, and its place in the model.

    Attributes:
        tensor: name of the tensor that contains it.
        label: what distinguishes it where the tensor holds several (`[3].up`, `.q`); else empty.
        group: attention or MLP.
        block: number of its transformer block.
        order: its place in the block: rule, expert, part.
        shape: `[out, in]`.
        piece: the part of the tensor that contains it.
        rows: the rows of the piece that belong to the matrix (None: all).
        transposed: whether the piece is `[in, out]`.
    """

    tensor: str
    label: str
    group: Group
    block: int
    order: tuple[int, int, int]
    shape: tuple[int, int]
    piece: Piece
    rows: Rows | None = None
    transposed: bool = False

    @property
    def name(self) -> str:
        """The tensor's name with the label."""
        return self.tensor + self.label

    @property
    def parameters(self) -> int:
        """Number of elements."""
        return self.shape[0] * self.shape[1]

    def take(self, piece: torch.Tensor) -> torch.Tensor:
        """The matrix `[out, in]` of its piece; a view where its rows are adjacent, else a copy."""
        return self._grouped(piece).flatten(0, 1)

    def put(self, piece: torch.Tensor, values: torch.Tensor) -> None:
        """Write the matrix `[out, in]` back into its piece."""
        target = self._grouped(piece)
        target.copy_(values.reshape(target.shape))

    def whole(self, values: torch.Tensor) -> torch.Tensor | None:
        """The new values of the whole piece; None where the piece holds other matrices too."""
        if self.rows is not None:
            return None
        return values.T if self.transposed else values

    def index(self, tensor_shape: Sequence[int]) -> list[int]:
        """Index in the tensor of the matrix's element [0, 0]."""
        row = 0 if self.rows is None else self.rows.begin
        left = self.piece.first + (row if self.transposed else row * self.piece.shape[1])
        result = []
        for position in range(len(tensor_shape)):
            stride = math.prod(tensor_shape[position + 1 :])
            result.append(left // stride)
            left %= stride
        return result

    def _grouped(self, piece: torch.Tensor) -> torch.Tensor:
        """`[groups, rows of a group, in]`, a view."""
        seen = piece.T if self.transposed else piece
        rows = self.rows or Rows(1, 0, seen.shape[0])
        return seen.view(rows.groups, -1, seen.shape[1])[:, rows.begin : rows.end]
