"""GPU kernels (Triton) of the edits: fused, with results bit for bit equal to those of torch on a CPU.

Each kernel reads a matrix once and writes it once. None waits for the GPU: the next kernel reads what the one
before left on the device. Matrices must be contiguous; torch edits all others, on a GPU too. Divisions are
rounded once (`div_rn`), halves go to the even level, and no multiplication is fused with an addition.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"
from __future__ import annotations

from functools import cache

import torch

from validation.edits.jit import jit, tl, triton
from validation.job import emit

#: Elements that one program (thread block) works on.
_BLOCK = 1024


@cache
def available(device: torch.device) -> bool:
    """Whether a device can run them: Triton needs a C compiler, Python's headers and a cache directory.

    Otherwise torch edits on the GPU, which is slower and gives the same bits; a progress event says so once.

    Raises:
        torch.OutOfMemoryError: the GPU is full, which does not show whether Triton works.
    """
    try:
        # the settings of the default suite's edit: one compilation serves both
        rtn(torch.zeros(16, _BLOCK, dtype=torch.bfloat16, device=device), 128, 127)
        return True
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # a compiler, a linker or a file system may raise anything
        if "out of memory" in str(error):
            raise
        first = (str(error).strip().splitlines() or [""])[0][:200]
        emit("progress", message=f"edits without Triton's kernels, slower: {type(error).__name__}: {first}")
        return False


def serves_groups(values: torch.Tensor, size: int) -> bool:
    """Whether `rtn` supports groups of `size` inputs: a power of two from 16 that divides the row."""
    return values.shape[1] % size == 0 and size & (size - 1) == 0 and 16 <= size <= _BLOCK


def rtn(values: torch.Tensor, size: int, top: int) -> torch.Tensor:
    """Round to the levels -top-1 ... top, with one scale for each group of `size` inputs (see `quant_rtn`).

    `values` is `[out, in]`, 16 or 32 bits, on the GPU; the result has its shape and dtype.
    """
    result = torch.empty_like(values)
    groups = values.numel() // size
    per_program = max(1, _BLOCK // size)
    _rtn[(triton.cdiv(groups, per_program),)](
        values, result, groups, float(top), GROUP=size, GROUPS=per_program, num_warps=4
    )
    return result


def fp4(values: torch.Tensor, peak: torch.Tensor, levels: tuple[float, ...]) -> torch.Tensor:
    """The nearest of the levels times the scale (see `fp4_quant`).

    `values` is `[out, in]` on the GPU, `peak` max|w| as a float32 scalar there; the result is like `values`.
    """
    result = torch.empty_like(values)
    count, steps = values.numel(), len(levels) - 1
    table = _table(levels, values.device)
    bounds = torch.empty(2 * steps, dtype=torch.float32, device=values.device)
    _bounds[(1,)](
        table, peak, bounds, levels[-1], STEPS=steps, WIDTH=triton.next_power_of_2(steps), num_warps=1
    )
    _fp4[(triton.cdiv(count, _BLOCK),)](values, result, count, bounds, STEPS=steps, BLOCK=_BLOCK, num_warps=2)
    return result


@cache
def _table(levels: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """The midpoints between neighbouring levels, then the upper level of each: float32 `[2 * steps]`."""
    table = torch.tensor(levels, dtype=torch.float32)
    return torch.cat([(table[:-1] + table[1:]) / 2, table[1:]]).to(device)


@jit
def _rtn(values, result, groups, top, GROUP: tl.constexpr, GROUPS: tl.constexpr):
    rows = tl.program_id(0).to(tl.int64) * GROUPS + tl.arange(0, GROUPS)
    at = rows[:, None] * GROUP + tl.arange(0, GROUP)[None, :]
    mask = (rows < groups)[:, None]
    wide = tl.load(values + at, mask=mask, other=0.0).to(tl.float32)
    scale = tl.div_rn(tl.max(tl.abs(wide), axis=1), tl.zeros([GROUPS], tl.float32) + top)[:, None]
    filled = tl.where(scale > 0, scale, 1.0)
    ratio = tl.div_rn(wide, tl.broadcast_to(filled, (GROUPS, GROUP)))
    # 1.5 * 2^23, added and taken away, rounds what is below 2^22 to a whole number, halves to the even one
    level = (ratio + 12582912.0) - 12582912.0
    level = tl.minimum(tl.maximum(level, -top - 1.0), top)
    # a level of zero keeps the sign of its weight, as torch's rounding does
    bits = tl.abs(level * scale).to(tl.int32, bitcast=True) | (wide.to(tl.int32, bitcast=True) & -2147483648)
    made = tl.where(scale > 0, bits.to(tl.float32, bitcast=True), wide)
    tl.store(result + at, made.to(result.dtype.element_ty), mask=mask)


@jit
def _bounds(table, peak, bounds, top, STEPS: tl.constexpr, WIDTH: tl.constexpr):
    """The largest magnitude below each midpoint: divided by the scale and rounded, it is at most that."""
    step = tl.arange(0, WIDTH)
    inside = step < STEPS
    nothing = tl.zeros([WIDTH], tl.float32)
    unit = tl.div_rn(nothing + tl.load(peak), nothing + top)
    middle = tl.load(table + step, mask=inside, other=1.0)
    near = (middle * unit).to(tl.int32, bitcast=True)
    bound = tl.zeros([WIDTH], tl.float32)
    for away in tl.static_range(-4, 5):
        tried = tl.maximum(near + away, 0).to(tl.float32, bitcast=True)
        bound = tl.where(tl.div_rn(tried, unit) <= middle, tried, bound)
    tl.store(bounds + step, bound, mask=inside)
    tl.store(bounds + STEPS + step, tl.load(table + STEPS + step, mask=inside, other=0.0) * unit, mask=inside)


@jit
def _fp4(values, result, count, bounds, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    wide = tl.load(values + place, mask=place < count, other=0.0).to(tl.float32)
    size = tl.abs(wide)
    made = tl.zeros([BLOCK], tl.float32)
    for step in tl.static_range(STEPS):
        made = tl.where(size > tl.load(bounds + step), tl.load(bounds + STEPS + step), made)
    bits = made.to(tl.int32, bitcast=True) | (wide.to(tl.int32, bitcast=True) & -2147483648)
    tl.store(
        result + place, bits.to(tl.float32, bitcast=True).to(result.dtype.element_ty), mask=place < count
    )
