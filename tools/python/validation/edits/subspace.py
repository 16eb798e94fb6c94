"""The leading singular directions of a matrix on a GPU: block power steps on its Gram matrix.

G = W W' `[n, n]` of the shorter side is one product of 16-bit numbers with sums in float32. Power steps
work on rank + `OVERSAMPLING` vectors in float64, made orthonormal by a Cholesky factorization each time
(twice at last, CholeskyQR2), and the rank leading ones come out of a Rayleigh-Ritz step in the subspace.
After `STEPS` steps the residual of a Gaussian matrix, whose singular values hardly fall and which is the
hardest case for the steps, is within 0.3 % of the optimum (Eckart-Young); docs/performance.md has the
figures. Start vectors come of a fixed seed: the same bits on the same device.

A power step squares the spread of the singular values and a factorization squares it again, so in float32
one large outlier is enough to lose the rest; GPUs for computing are no slower at float64 here. What it does
not mend is the error of G itself: it is a share of the largest energy, and where it counts beside what is
left out, nothing is returned.
"""

from __future__ import annotations

import torch

#: Vectors beyond the rank.
OVERSAMPLING = 64
#: Multiplications by G.
STEPS = 7
#: Error of G (2-norm) that its sums in float32 may leave, as a share of its largest eigenvalue. Tensor cores
#: of an H100 left 2.5e-5 over 14,336 products, a common factor (which turns no direction) apart.
GRAM_ERROR = 3e-5
#: Share of the energy left out that the error of G may cost: twice the share of the residual.
_ALLOWED = 1e-3
#: The most that the directions' products among each other may differ from the identity's.
_SKEW = 1e-5
_SEED = 1


def gram_matrix(wide: torch.Tensor) -> torch.Tensor:
    """W W' of a matrix `[n, m]`, in float64 from sums in float32."""
    if wide.dtype == torch.float32:
        return (wide @ wide.T).double()
    product: torch.Tensor = torch.mm(wide, wide.T, out_dtype=torch.float32)
    return product.double()


def leading_directions(
    gram: torch.Tensor, rank: int, oversampling: int = OVERSAMPLING, steps: int = STEPS
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Squared singular values (ascending, `[rank]`) and their directions `[n, rank]`, both float32.

    None where the steps cannot vouch for them: a matrix of (nearly) that rank or a lower one, or one whose
    largest singular values outweigh all it loses by orders of magnitude.
    """
    size = gram.shape[0]
    count = min(size, rank + oversampling)
    generator = torch.Generator(device=gram.device).manual_seed(_SEED)
    block = torch.randn(size, count, generator=generator, device=gram.device, dtype=torch.float64)
    for _ in range(steps):
        block = _cholesky_qr(gram @ block)
    # again: the first, with the square of the condition, leaves something
    block = _cholesky_qr(block)
    inner = block.T @ (gram @ block)
    scale = inner.diagonal().mean()
    # an eigensolver may throw at a NaN, which the last line finds in the scale
    shares, vectors = torch.linalg.eigh(torch.nan_to_num((inner + inner.T) / (2 * scale)))
    energies, kept = shares[-rank:] * scale, (block @ vectors[:, -rank:]).float()
    left_out = gram.diagonal().sum() - energies.sum()
    # by wrong leading directions, those of G + E, at most 2 rank |E| of energy is lost
    sure = left_out * _ALLOWED >= 2 * rank * GRAM_ERROR * energies[-1]
    skew = (kept.T @ kept - torch.eye(rank, device=gram.device)).abs().max()
    # sums of float32 are whole down to its smallest normal number; a NaN is not less than anything
    fine = sure & (skew < _SKEW) & (energies[0] > torch.finfo(torch.float32).tiny)
    return (energies.float(), kept) if bool(fine) else None


def _cholesky_qr(block: torch.Tensor) -> torch.Tensor:
    inner = block.T @ block
    # keeps the factorization real where vectors are nearly dependent
    inner.diagonal().add_(inner.diagonal().sum() * torch.finfo(torch.float64).eps * 4)
    lower = torch.linalg.cholesky_ex(inner).L
    solved: torch.Tensor = torch.linalg.solve_triangular(lower, block.T, upper=False)
    return solved.T
