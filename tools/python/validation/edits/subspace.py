"""The leading singular directions of a matrix on a GPU: block power steps on its Gram matrix.

G = W W' `[n, n]` of the shorter side is one product of 16-bit numbers with sums in float32. Power steps
work on rank + `OVERSAMPLING` vectors, made orthonormal by a Cholesky factorization each time (twice at
last, CholeskyQR2), and the rank leading ones come out of a Rayleigh-Ritz step in the subspace. After
`STEPS` steps the residual of a Gaussian matrix, whose singular values hardly fall and which is the
hardest case, is within 0.3 % of the optimum (Eckart-Young); docs/performance.md has the figures. Start
vectors come of a fixed seed: the same bits on the same device.
"""

from __future__ import annotations

import torch

#: Vectors beyond the rank.
OVERSAMPLING = 64
#: Multiplications by G.
STEPS = 7
_SEED = 1


def gram_matrix(wide: torch.Tensor) -> torch.Tensor:
    """W W' in float32 of a matrix `[n, m]`."""
    if wide.dtype == torch.float32:
        return wide @ wide.T
    product: torch.Tensor = torch.mm(wide, wide.T, out_dtype=torch.float32)
    return product


def leading_directions(
    gram: torch.Tensor, rank: int, oversampling: int = OVERSAMPLING, steps: int = STEPS
) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared singular values (ascending, `[rank]`) and their directions `[n, rank]`."""
    size = gram.shape[0]
    count = min(size, rank + oversampling)
    generator = torch.Generator(device=gram.device).manual_seed(_SEED)
    block = torch.randn(size, count, generator=generator, device=gram.device, dtype=torch.float32)
    for _ in range(steps):
        block = _cholesky_qr(gram @ block)
    # again: the first, with the square of the condition, leaves something
    block = _cholesky_qr(block)
    inner = block.T @ (gram @ block)
    energies, vectors = torch.linalg.eigh((inner + inner.T) / 2)
    return energies[-rank:], block @ vectors[:, -rank:]


def _cholesky_qr(block: torch.Tensor) -> torch.Tensor:
    inner = block.T @ block
    # keeps the factorization real where vectors are nearly dependent
    inner.diagonal().add_(inner.diagonal().mean() * 1e-6)
    lower = torch.linalg.cholesky_ex(inner).L
    solved: torch.Tensor = torch.linalg.solve_triangular(lower, block.T, upper=False)
    return solved.T
