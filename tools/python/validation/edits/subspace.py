"""The leading singular directions of a matrix on a GPU, found by block power steps on its Gram matrix.

G = W W' `[n, n]` is of the shorter side. Power steps work on more vectors than directions are wanted, in
float64 (GPUs for computing are no slower at it here, and a step squares the spread of the singular values),
and the leading directions come out of a Rayleigh-Ritz step in the subspace. After `STEPS` steps the residual
of a Gaussian matrix, whose singular values hardly fall and which is the hardest case for the steps, is within
0.3 % of the optimum (Eckart-Young); docs/performance.md has the figures. The start vectors come from a fixed
seed: the same bits on the same device.

There are two methods. `quickly`: G is one product of 16-bit numbers with sums in float32, and every second
step ends in a Cholesky factorization (two at the end, CholeskyQR2). One large outlier can destroy the other
directions, by the error of G or by the condition of the vectors, so `leading` returns None where the result
is not certain. `carefully`: G in float64, each step ends in a Householder factorization; works for every
spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

#: Vectors beyond the rank.
OVERSAMPLING = 64
#: Smallest number of vectors: one subspace serves all common ranks, so that each has the same bits whichever
#: ranks are computed together.
VECTORS = 320
#: Multiplications by G.
STEPS = 7
#: Quick multiplications between two orthogonalisations: float64 is precise enough for the square of the
#: condition that two leave, wherever `Subspace.leading` accepts the result.
_BETWEEN = 2
#: Error of G (2-norm) that its sums in float32 may leave, as a share of its largest eigenvalue. Tensor cores
#: of an H100 left 2.5e-5 over 14,336 products, a common factor (which turns no direction) apart.
GRAM_ERROR = 3e-5
#: Largest share of the energy left out that the error of G may cost: twice the share of the residual.
_ALLOWED = 1e-3
#: Largest difference of the directions' inner products from the identity matrix.
_SKEW = 1e-5
_SEED = 1
#: Columns that are float64 at a time.
_COLUMNS = 1024


def vectors_for(rank: int) -> int:
    """Vectors of the subspace that serves a rank."""
    return max(VECTORS, rank + OVERSAMPLING)


@dataclass(frozen=True)
class Subspace:
    """Leading singular directions of a matrix `[n, m]`, more of them than any rank it serves; all in float64.

    Attributes:
        energies: squared singular values, ascending, `[count]`.
        directions: `[n, count]`.
        energy: sum of all squared singular values, a scalar.
        careful: whether `carefully` found them.
    """

    energies: torch.Tensor
    directions: torch.Tensor
    energy: torch.Tensor
    careful: bool

    def leading(self, rank: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Squared singular values (ascending, `[rank]`) and their directions `[n, rank]`.

        None where quick steps give no certain result: for a matrix of (nearly) that rank or a lower one, or
        one whose largest singular values exceed everything left out by orders of magnitude.
        """
        energies, kept = self.energies[-rank:], self.directions[:, -rank:]
        if self.careful:
            return energies, kept
        left_out = self.energy - energies.sum()
        # wrong leading directions, those of G + E, lose at most 2 rank |E| of energy
        sure = left_out * _ALLOWED >= 2 * rank * GRAM_ERROR * energies[-1]
        skew = (kept.T @ kept - torch.eye(rank, device=kept.device)).abs().max()
        # float32 sums are precise down to its smallest normal number; comparisons with a NaN are false
        fine = sure & (skew < _SKEW) & (energies[0] > torch.finfo(torch.float32).tiny)
        return (energies, kept) if bool(fine) else None


def quickly(wide: torch.Tensor, count: int, steps: int = STEPS) -> Subspace:
    """The subspace of `count` vectors of a matrix `[n, m]`, n <= m; see `Subspace.leading`."""
    return _found(product(wide, wide.T).double(), count, steps, careful=False)


def carefully(wide: torch.Tensor, count: int, steps: int = STEPS) -> Subspace:
    """As `quickly`, for every matrix of finite numbers; takes several times as long."""
    gram = torch.zeros(wide.shape[0], wide.shape[0], dtype=torch.float64, device=wide.device)
    for start in range(0, wide.shape[1], _COLUMNS):
        part = wide[:, start : start + _COLUMNS].double()
        gram.addmm_(part, part.T)
    return _found(gram, count, steps, careful=True)


def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The product of two matrices of one dtype, summed and returned in float32."""
    if left.dtype == torch.float32 or not left.is_cuda:
        return left.float() @ right.float()
    summed: torch.Tensor = torch.mm(left, right, out_dtype=torch.float32)
    return summed


def _found(gram: torch.Tensor, count: int, steps: int, careful: bool) -> Subspace:
    size = gram.shape[0]
    generator = torch.Generator(device=gram.device).manual_seed(_SEED)
    block = torch.randn(size, min(size, count), generator=generator, device=gram.device, dtype=torch.float64)
    for step in range(1, steps + 1):
        block = gram @ block
        if careful:
            block = torch.linalg.qr(block).Q
        elif step % _BETWEEN == 0 or step == steps:
            block = _cholesky_qr(block)
    if not careful:
        # a second time: the first one is not exact enough, as it squares the condition
        block = _cholesky_qr(block)
    inner = block.T @ (gram @ block)
    scale = inner.diagonal().mean()
    # an eigensolver may raise for a NaN; the scale keeps it
    shares, vectors = torch.linalg.eigh(torch.nan_to_num((inner + inner.T) / (2 * scale)))
    return Subspace(shares * scale, block @ vectors, gram.diagonal().sum(), careful)


def _cholesky_qr(block: torch.Tensor) -> torch.Tensor:
    inner = block.T @ block
    # keeps the factorization real when vectors are nearly dependent
    inner.diagonal().add_(inner.diagonal().sum() * torch.finfo(torch.float64).eps * 4)
    lower = torch.linalg.cholesky_ex(inner).L
    solved: torch.Tensor = torch.linalg.solve_triangular(lower, block.T, upper=False)
    return solved.T
