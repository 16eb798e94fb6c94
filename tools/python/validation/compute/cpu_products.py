"""Products of bf16 matrices on a CPU that has no instructions for them: in float32, rounded to bf16.

PyTorch's own kernels for bf16 reach 2 to 9 GFLOP/s on a core with AVX2 alone, its float32 kernels 80 to 130
(docs/performance.md). Either adds up in float32 and rounds once: results differ only in the order of the sum.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable
from typing import Any

#: A product is computed in parts whose float32 copies take no more than this, in bytes.
PART = 64 * 2**20
#: Kept for as long as the process lives: without it PyTorch's own kernels come back.
_INSTALLED: list[Any] = []


def multiplies_bf16() -> bool:
    """Whether this CPU has instructions for products of bf16, and PyTorch is allowed to use them."""
    import torch

    if platform.machine().lower() in ("x86_64", "amd64"):
        # ATEN_CPU_CAPABILITY may allow less than the CPU has.
        wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
        return wide and bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    one_dnn: Any = torch.backends.mkldnn
    return bool(one_dnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def fast_products() -> str:
    """Let products of bf16 matrices on the CPU take their fastest way for the rest of this process.

    Returns:
        `bfloat16` where the CPU has instructions for them, else `float32`; for the receipt.
    """
    if multiplies_bf16():
        return "bfloat16"
    if not _INSTALLED:
        _install()
    return "float32"


def _install() -> None:
    import torch

    registry: Any = torch.library
    library = registry.Library("aten", "IMPL")
    _INSTALLED.append(library)
    for name, parted in (("mm", _mm), ("addmm", _addmm), ("bmm", _bmm), ("baddbmm", _baddbmm)):
        kernel = registry.get_kernel(f"aten::{name}", "CPU")
        library.impl(name, functools.partial(_product, kernel, parted), "CPU", with_keyset=True)


def _product(kernel: Any, parted: Callable[..., Any], keys: Any, *tensors: Any, **scalars: Any) -> Any:
    import torch

    def own(*args: Any) -> Any:
        return kernel.call_boxed(keys, *args, **scalars)

    if any(tensor.dtype is not torch.bfloat16 for tensor in tensors):
        return own(*tensors)
    return parted(own, *tensors)


def _mm(own: Callable[..., Any], left: Any, right: Any) -> Any:
    return _by_columns(lambda a, b, _: own(a, b), left, right)


def _addmm(own: Callable[..., Any], bias: Any, left: Any, right: Any) -> Any:
    # A bias of one column, or of one number, is everybody's.
    shared = bias.dim() == 0 or bias.shape[-1] == 1
    whole = bias.float()
    return _by_columns(lambda a, b, at: own(whole if shared else whole[..., at], a, b), left, right)


def _bmm(own: Callable[..., Any], left: Any, right: Any) -> Any:
    return _by_batch(lambda a, b, _: own(a, b), left, right)


def _baddbmm(own: Callable[..., Any], bias: Any, left: Any, right: Any) -> Any:
    whole = bias.expand(left.shape[0], left.shape[1], right.shape[2])
    return _by_batch(lambda a, b, at: own(whole[at].float(), a, b), left, right)


def _by_columns(multiply: Callable[..., Any], left: Any, right: Any) -> Any:
    """[m, k] times [k, n], some columns of the second at a time."""
    (rows, inner), columns = left.shape, right.shape[1]
    step = max(1, PART // (4 * max(1, rows + inner)))
    wide = left.float()
    if columns <= step:
        return multiply(wide, right.float(), slice(None)).bfloat16()
    out = left.new_empty(rows, columns)
    for first in range(0, columns, step):
        at = slice(first, first + step)
        out[:, at] = multiply(wide, right[:, at].float(), at)
    return out


def _by_batch(multiply: Callable[..., Any], left: Any, right: Any) -> Any:
    """[b, m, k] times [b, k, n], some of the batch at a time."""
    (batch, rows, inner), columns = left.shape, right.shape[2]
    step = max(1, PART // (4 * max(1, rows * inner + inner * columns + rows * columns)))
    if batch <= step:
        return multiply(left.float(), right.float(), slice(None)).bfloat16()
    out = left.new_empty(batch, rows, columns)
    for first in range(0, batch, step):
        at = slice(first, first + step)
        out[at] = multiply(left[at].float(), right[at].float(), at)
    return out
