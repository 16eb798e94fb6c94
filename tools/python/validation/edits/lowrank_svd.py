"""Truncated SVD: the best approximation of a matrix by one of rank r (Eckart-Young).

With W = U S V' and n = min(out, in), the best rank-r matrix is the projection of W on its r leading singular
vectors of the shorter side. They are eigenvectors of the n x n Gram matrix, so the work is one symmetric
eigenproblem in float64 instead of an SVD of W. Squaring costs half the digits of float64: the residual
|W - W_r| exceeds the optimum by at most 1e-7 |W| (Frobenius), below a float32 SVD's own error and far below
the rounding to bf16, which is the only one. A rank of n or more gives the matrix itself.

That is the way of a CPU. On a GPU the directions are those of block power steps (see `subspace`), whose
residual exceeds the optimum by less than 0.3 %, or by 1e-7 |W| where the matrix is nearly of that rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from validation.edits.base import CHUNK, Edited, Weights, one_thread, whole_number
from validation.edits.leading import Tridiagonal, leading, reduce
from validation.edits.subspace import Subspace, carefully, quickly, vectors_for
from validation.rounding import rounded_once

#: Columns worked on at a time, at least: fewer would starve the matrix products.
_COLUMNS = 256
_GPU_COLUMNS = 1024


@dataclass(frozen=True)
class LowrankSvd:
    """`rank` is how many singular directions stay."""

    rank: int

    @classmethod
    def parse(cls, spec: Mapping[str, Any]) -> LowrankSvd:
        """Read `rank`."""
        return cls(whole_number(spec, "rank", 1))

    def parameters(self) -> dict[str, Any]:
        """The rank asked for."""
        return {"rank": self.rank}

    def apply(self, weights: Weights) -> Edited:
        """Approximate a matrix."""
        values = weights.values
        full = min(values.shape)
        if self.rank >= full or not bool(weights.peak):
            return Edited(values, {"rank": min(self.rank, full), "energy_kept": 1.0})
        if values.is_cuda:
            return by_power_steps(weights, self.rank)
        with one_thread():
            if "gram" not in weights.shared:
                weights.shared["gram"] = _Gram.of(values)
            gram: _Gram = weights.shared["gram"]
            energies, kept = leading(gram.reduced, self.rank)
            wide = values if values.shape[0] <= values.shape[1] else values.T
            result = torch.empty_like(values)
            target = result if wide is values else result.T
            for columns in _column_chunks(wide):
                part = wide[:, columns].double()
                target[:, columns] = rounded_once(kept @ (kept.T @ part), values.dtype)
            share = min(1.0, float(energies.sum()) / gram.energy)
        return Edited(result, {"rank": self.rank, "energy_kept": float(f"{share:.6g}")})

    def summary(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The reference's keys; its `avg_energy_retained` is a ratio of norms: the root of the energy."""
        mean = sum(row["energy_kept"] ** 0.5 for row in rows) / max(1, len(rows))
        return {"modified_matrices": len(rows), "avg_energy_retained": float(f"{mean:.6g}")}


def by_power_steps(weights: Weights, rank: int) -> Edited:
    """As `LowrankSvd.apply`, by block power steps: those of one subspace for all common ranks."""
    values = weights.values
    wide = values if values.shape[0] <= values.shape[1] else values.T
    space, (energies, kept) = _leading(weights.shared, wide, rank)
    # in float32 where G was: what its sums cost is below the rounding to 16 bits
    kept = kept if space.careful else kept.float()
    result = torch.empty_like(values)
    target = result if wide is values else result.T
    for start in range(0, wide.shape[1], _GPU_COLUMNS):
        part = wide[:, start : start + _GPU_COLUMNS].to(kept.dtype)
        target[:, start : start + _GPU_COLUMNS] = rounded_once(kept @ (kept.T @ part), values.dtype)
    share = min(1.0, float(energies.sum() / space.energy))
    return Edited(result, {"rank": rank, "energy_kept": float(f"{share:.6g}")})


def _leading(
    shared: dict[str, Any], wide: torch.Tensor, rank: int
) -> tuple[Subspace, tuple[torch.Tensor, torch.Tensor]]:
    """The subspace that serves a rank, and its leading directions: the quick one if it vouches for them."""
    count = vectors_for(rank)
    for find in (quickly, carefully):
        key = f"{count} vectors {find.__name__}"
        if key not in shared:
            shared[key] = find(wide, count)
        space: Subspace = shared[key]
        found = space.leading(rank)
        if found is not None:
            return space, found
    raise AssertionError("careful directions are always there")


@dataclass(frozen=True)
class _Gram:
    """The Gram matrix `[n, n]` of the shorter side, as far as all ranks share the work on it."""

    energy: float
    reduced: Tridiagonal

    @classmethod
    def of(cls, values: torch.Tensor) -> _Gram:
        wide = values if values.shape[0] <= values.shape[1] else values.T
        gram = torch.zeros(wide.shape[0], wide.shape[0], dtype=torch.float64)
        for columns in _column_chunks(wide):
            part = wide[:, columns].double()
            gram.addmm_(part, part.T)
        energy = float(gram.diagonal().sum())
        return cls(energy, reduce(gram))


def _column_chunks(wide: torch.Tensor) -> list[slice]:
    step = max(_COLUMNS, CHUNK // wide.shape[0])
    return [slice(start, start + step) for start in range(0, wide.shape[1], step)]
