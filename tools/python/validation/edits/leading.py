"""The leading eigenvectors of a symmetric matrix on a CPU; all ranks share its tridiagonal reduction.

The reduction (LAPACK's dsytrd) is most of the work and the same for every rank, so edits of one matrix share
it. Bisection, inverse iteration and the transformation back (dstebz, dstein, dormqr) run for each rank
separately: its vectors are the same bits whichever other ranks are computed. It needs the memory of the
matrix, which its reflectors overwrite, and n x rank float64. One thread: more would sum in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal, lapack
from threadpoolctl import ThreadpoolController

from validation.edits.base import ARITHMETIC_THREADS
from validation.job import Fault

#: Columns a blocked LAPACK routine works on at a time (its workspace is so many rows).
_BLOCK = 64


@dataclass(frozen=True)
class Tridiagonal:
    """A symmetric matrix `[n, n]` as Q T Q'.

    Attributes:
        reflectors: `[n, n]` in Fortran order; below its diagonal stands Q, as dsytrd leaves it.
        scales: scalar factors of the reflectors, `[n - 1]`.
        diagonal: the diagonal of T, `[n]`.
        beside: the elements of T next to the diagonal, `[n - 1]`.
    """

    reflectors: Any
    scales: Any
    diagonal: Any
    beside: Any


def reduce(gram: torch.Tensor) -> Tridiagonal:
    """Reduce a symmetric float64 matrix `[n, n]`, n at least 2, which is overwritten.

    Raises:
        Fault: `internal` when LAPACK reports an error.
    """
    size = gram.shape[0]
    with _threads().limit(limits=ARITHMETIC_THREADS):
        # its transpose, equal to it, is the same memory in the order LAPACK wants
        reflectors, diagonal, beside, scales, info = lapack.dsytrd(
            gram.numpy().T, lower=1, lwork=_BLOCK * size, overwrite_a=1
        )
    _require(info, "dsytrd")
    return Tridiagonal(reflectors, scales, diagonal, beside)


def leading(matrix: Tridiagonal, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `count` largest eigenvalues (ascending) and their eigenvectors `[n, count]`, in float64.

    Raises:
        Fault: `internal` when LAPACK reports an error.
    """
    size = matrix.diagonal.shape[0]
    with _threads().limit(limits=ARITHMETIC_THREADS):
        values, vectors = eigh_tridiagonal(
            matrix.diagonal,
            matrix.beside,
            select="i",
            select_range=(size - count, size - 1),
            lapack_driver="stebz",
        )
        # Q does not change the first row. Its reflectors begin one row below the diagonal: from the second
        # element on, the same memory is an [n, n - 1] matrix in Fortran order, whose last row is not read.
        flat = matrix.reflectors.ravel(order="K")
        below = flat[1 : 1 + size * (size - 1)].reshape(size, size - 1, order="F")
        rest, work = np.asfortranarray(vectors[1:]), _BLOCK * count
        turned, _, info = lapack.dormqr("L", "N", below, matrix.scales, rest, lwork=work, overwrite_c=1)
    _require(info, "dormqr")
    vectors[1:] = turned
    return torch.from_numpy(values), torch.from_numpy(np.ascontiguousarray(vectors))


def _require(info: int, routine: str) -> None:
    if info != 0:
        raise Fault("internal", f"LAPACK's {routine} ended with {info}")


@cache
def _threads() -> Any:
    """The controller of the threads of scipy's own BLAS."""
    return ThreadpoolController().select(user_api="blas")
