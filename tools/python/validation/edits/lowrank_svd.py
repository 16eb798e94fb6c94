"""Edit `lowrank_svd`: the best approximation of a matrix by one of rank r (truncated SVD, Eckart-Young).

With W = U S V' and n = min(out, in), the best rank-r matrix is the projection of W on its r leading singular
vectors of the shorter side. They are eigenvectors of the n x n Gram matrix, so the work is one symmetric
eigenproblem in float64 instead of an SVD of W. Squaring costs half the digits of float64: the residual
|W - W_r| exceeds the optimum by at most 1e-7 |W| (Frobenius), below a float32 SVD's own error and far below
the rounding to bf16, which is the only one. A rank of n or more gives the matrix itself.

This is how a CPU computes it. On a GPU the directions come from block power steps (see `subspace`), whose
residual exceeds the optimum by less than 0.3 %, or by 1e-7 |W| where the matrix is nearly of that rank.
Source: docs/formulas.md, "Edits".
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

#: Smallest number of columns worked on at a time: with fewer the matrix products are slow.
_COLUMNS = 256
_GPU_COLUMNS = 1024
_SPLIT_COLUMNS = 4096


@dataclass(frozen=True)
class LowrankSvd:
    """`rank` is the number of singular directions that are kept."""

    rank: int

    @classmethod
    def parse(cls, spec: Mapping[str, Any]) -> LowrankSvd:
        """Read `rank`.

        Raises:
            Fault: `bad_edit` when it is not a whole number from 1.
        """
        return cls(whole_number(spec, "rank", 1))

    def parameters(self) -> dict[str, Any]:
        """The rank asked for."""
        return {"rank": self.rank}

    def apply(self, weights: Weights) -> Edited:
        """Approximate a matrix `[out, in]`."""
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
        """Number of matrices, and the mean root of the energy kept (a ratio of norms)."""
        mean = sum(row["energy_kept"] ** 0.5 for row in rows) / max(1, len(rows))
        return {"modified_matrices": len(rows), "avg_energy_retained": float(f"{mean:.6g}")}


def by_power_steps(weights: Weights, rank: int) -> Edited:
    """As `LowrankSvd.apply`, by block power steps; one subspace serves all common ranks."""
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
    """The function that projects columns `[n, m]` on directions `[n, r]`, and the columns for each call.

    Directions that were found with sums in float32 are applied with such sums: their error is below that of
    the rounding to 16 bits.
    """
    if careful:
        return _exact(kept), _GPU_COLUMNS
    if dtype == torch.bfloat16:
        return _split(kept), _SPLIT_COLUMNS
    return _exact(kept.float()), _GPU_COLUMNS


def _exact(kept: torch.Tensor) -> _Project:
    """Project in the dtype of the directions."""

    def project(part: torch.Tensor) -> torch.Tensor:
        return rounded_once(kept @ (kept.T @ part.to(kept.dtype)), part.dtype)

    return project


def _split(kept: torch.Tensor) -> _Project:
    """Project columns in bf16 on tensor cores: a number that is not bf16 is split into a sum of two.

    Products of bf16 numbers are exact in float32, in which they are summed. Two parts represent a number up
    to 2^-17 of it; the product of the two small parts, which is left out, is as small. bf16 rounds at 2^-9.
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
    """The subspace for a rank and its leading directions: the quick one where its result is certain."""
    count = vectors_for(rank)
    for find in (quickly, carefully):
        key = f"{count} vectors {find.__name__}"
        if key not in shared:
            shared[key] = find(wide, count)
        space: Subspace = shared[key]
        found = space.leading(rank)
        if found is not None:
            return space, found
    raise AssertionError("`carefully` gives directions for every matrix")


@dataclass(frozen=True)
class _Gram:
    """The reduced Gram matrix `[n, n]` of the shorter side, which all ranks share; `energy` is its trace."""

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
