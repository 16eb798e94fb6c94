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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from validation.edits.base import CHUNK, Edited, Weights, one_thread, whole_number
from validation.edits.leading import Tridiagonal, leading, reduce
from validation.edits.subspace import Subspace, carefully, product, quickly, vectors_for
from validation.weights.rounding import rounded_once

#: Columns worked on at a time, at least: fewer would starve the matrix products.
_COLUMNS = 256
_GPU_COLUMNS = 1024
_SPLIT_COLUMNS = 4096


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
    result = torch.empty_like(values)
    target = result if wide is values else result.T
    project, columns = _projection(kept, values.dtype, space.careful)
    for start in range(0, wide.shape[1], columns):
        target[:, start : start + columns] = project(wide[:, start : start + columns])
    share = min(1.0, float(energies.sum() / space.energy))
    return Edited(result, {"rank": rank, "energy_kept": float(f"{share:.6g}")})


_Project = Callable[[torch.Tensor], torch.Tensor]


def _projection(kept: torch.Tensor, dtype: torch.dtype, careful: bool) -> tuple[_Project, int]:
    """What projects columns of a matrix on directions `[n, r]`, and how many of them at a time.

    Directions found with sums in float32 are applied with such: what they cost is below the rounding to 16
    bits.
    """
    if careful:
        return _exact(kept), _GPU_COLUMNS
    if dtype == torch.bfloat16:
        return _split(kept), _SPLIT_COLUMNS
    return _exact(kept.float()), _GPU_COLUMNS


def _exact(kept: torch.Tensor) -> _Project:
    """In the directions' dtype."""

    def project(part: torch.Tensor) -> torch.Tensor:
        return rounded_once(kept @ (kept.T @ part.to(kept.dtype)), part.dtype)

    return project


def _split(kept: torch.Tensor) -> _Project:
    """Columns in bf16, on tensor cores: what is not bf16 is taken as the sum of two that are.

    Products of bf16 numbers are exact in float32, where they are summed; what two parts leave of a number is
    2^-17 of it, and so is the product of the small parts, which is left out. bf16 rounds at 2^-9.
    """
    rank = kept.shape[1]
    high, low = _halves(kept.float())
    both, thrice = torch.cat([high, low], dim=1), torch.cat([high, high, low], dim=1)

    def project(part: torch.Tensor) -> torch.Tensor:
        shares = product(both.T, part)
        upper, lower = _halves(shares[:rank] + shares[rank:])
        return product(thrice, torch.cat([upper, lower, upper])).to(part.dtype)

    return project


def _halves(wide: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    high = wide.bfloat16()
    return high, (wide - high).bfloat16()


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
