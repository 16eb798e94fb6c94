"""Fused GPU kernels of the edits (Triton): the same bits as torch's way on a CPU.

Each reads a matrix once and writes it once, and none waits for the GPU: what one finds the next reads
there. Matrices are contiguous; those that none serves go torch's way, on a GPU too. Divisions are rounded
once (`div_rn`), halves go to the even level, and nothing is multiplied and added in one rounding.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator, import-untyped"
from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache

import torch

from validation.job import emit

# Only where they can run: Triton takes memory and time to load, and is not to be had for every system.
if torch.cuda.is_available() or os.environ.get("TRITON_INTERPRET") == "1":
    import triton
    import triton.language as tl

    _jit = triton.jit
else:

    def _jit(kernel):
        return kernel


#: Elements of a program.
_BLOCK = 1024
#: Magnitudes next to each other that one count tells apart.
WINDOW = 16
#: Programs of a count: each has a stretch of the matrix and a histogram of its own.
_PROGRAMS = 4096
#: Magnitudes looked at to tell about where a threshold lies.
_SAMPLE = 1 << 17
#: Magnitudes of a 16-bit number.
_MAGNITUDES = 1 << 15
#: Thresholds that one count finds at most.
_AT_ONCE = 2
#: Elements that the program looking for the last tie takes at a time.
_CUT = 16 * _BLOCK


@cache
def work(device: torch.device) -> bool:
    """Whether kernels can be built and run there: Triton needs a C compiler, Python's headers, a folder.

    Where they cannot, edits go torch's way on the GPU, which is slower and the same bits; that is told once.

    Raises:
        torch.OutOfMemoryError: the GPU is full, which says nothing about Triton.
    """
    try:
        # as the reference's edit has it: one compilation for both
        rtn(torch.zeros(16, _BLOCK, dtype=torch.bfloat16, device=device), 128, 127)
        return True
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever a compiler, a linker or a file system has to say
        if "out of memory" in str(error):
            raise
        said = (str(error).strip().splitlines() or [""])[0][:200]
        emit("progress", message=f"edits without Triton's kernels, slower: {type(error).__name__}: {said}")
        return False


def serves_groups(values: torch.Tensor, size: int) -> bool:
    """Whether `rtn` serves groups of `size`: a power of two that divides the rows, one or more a row."""
    return values.shape[1] % size == 0 and size & (size - 1) == 0 and 16 <= size <= _BLOCK


def rtn(values: torch.Tensor, size: int, top: int) -> torch.Tensor:
    """Round-to-nearest with a scale a group of `size` inputs (see `quant_rtn`), levels -top-1 ... top."""
    result = torch.empty_like(values)
    groups = values.numel() // size
    per_program = max(1, _BLOCK // size)
    _rtn[(triton.cdiv(groups, per_program),)](
        values, result, groups, float(top), GROUP=size, GROUPS=per_program, num_warps=4
    )
    return result


def fp4(values: torch.Tensor, peak: torch.Tensor, levels: tuple[float, ...]) -> torch.Tensor:
    """The nearest of the levels times a scale (see `fp4_quant`); `peak` is max|w|, float32, on the device."""
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
    """Where each step from level to level lies, halfway, and the level it leads to."""
    table = torch.tensor(levels, dtype=torch.float32)
    return torch.cat([(table[:-1] + table[1:]) / 2, table[1:]]).to(device)


class Thresholds:
    """Where the smallest magnitudes of a 16-bit matrix end, for `prune`: all counts (from 1 on) in one read.

    A sample says about where each threshold lies; counting what lies below that place, and at each of the
    `WINDOW` magnitudes from there on, makes it exact. Nothing waits for the GPU but `right`, and that for no
    more than the count: what is pruned meanwhile is pruned in vain where a threshold is not right.
    """

    def __init__(self, values: torch.Tensor, counts: Sequence[int]) -> None:
        parts = [_thresholds(values, counts[at : at + _AT_ONCE]) for at in range(0, len(counts), _AT_ONCE)]
        rows = torch.cat(parts) if len(parts) > 1 else parts[0]
        self.of = dict(zip(counts, rows, strict=True))
        self._right = torch.empty(len(counts), dtype=torch.int64, pin_memory=rows.is_cuda)
        self._right.copy_(rows[:, 3], non_blocking=True)
        self._counted = torch.cuda.current_stream(rows.device).record_event() if rows.is_cuda else None

    def right(self, count: int) -> bool:
        """Whether it is: not when the threshold lies elsewhere than the sample says, or is zero."""
        if self._counted is not None:
            self._counted.synchronize()
        return bool(self._right[list(self.of).index(count)])


def _thresholds(values: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
    bits, size, device, number = values.view(torch.int16), values.numel(), values.device, len(counts)
    histogram = torch.zeros(_MAGNITUDES, dtype=torch.int32, device=device)
    table = torch.zeros(number, WINDOW + 1, _PROGRAMS, dtype=torch.int32, device=device)
    totals = torch.empty(number, WINDOW + 1, dtype=torch.int64, device=device)
    found = torch.empty(number, 4, dtype=torch.int64, device=device)
    wanted = torch.tensor(counts, dtype=torch.int64, pin_memory=values.is_cuda).to(device, non_blocking=True)
    step = max(1, size // _SAMPLE)
    sampled = triton.cdiv(size, step)
    _sample[(triton.cdiv(sampled, 1024),)](bits, histogram, sampled, step, BLOCK=1024)
    _choose[(number,)](
        histogram, found, wanted, sampled, size, WINDOW=WINDOW, BLOCK=_MAGNITUDES, num_warps=32
    )
    stretch = triton.cdiv(triton.cdiv(size, _PROGRAMS), _BLOCK) * _BLOCK
    sizes = {"PROGRAMS": _PROGRAMS, "WINDOW": WINDOW}
    programs = triton.next_power_of_2(_PROGRAMS)
    _count[(_PROGRAMS,)](bits, table, found, size, stretch, NUMBER=number, **sizes, BLOCK=_BLOCK, num_warps=4)
    _total[(number, WINDOW + 1)](table, totals, **sizes, ROWS=programs, num_warps=8)
    _decide[(number,)](table, totals, found, wanted, stretch, **sizes, ROWS=programs, num_warps=32)
    _cut[(number,)](bits, found, size, stretch, BLOCK=_CUT, num_warps=32)
    return found


def prune(values: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """What lies below a threshold (one of `Thresholds.of`) becomes zero, of equals the earlier ones."""
    result = torch.empty_like(values)
    size = values.numel()
    _prune[(triton.cdiv(size, _BLOCK),)](
        values.view(torch.int16), result.view(torch.int16), threshold, size, BLOCK=_BLOCK, num_warps=4
    )
    return result


@_jit
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


@_jit
def _bounds(table, peak, bounds, top, STEPS: tl.constexpr, WIDTH: tl.constexpr):
    """The largest magnitude below each step: divided by the scale, rounded, it is at most the middle."""
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


@_jit
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


@_jit
def _sample(bits, histogram, sampled, step, BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < sampled
    magnitude = tl.load(bits + place * step, mask=inside, other=0).to(tl.int32) & 0x7FFF
    tl.atomic_add(histogram + magnitude, 1, mask=inside, sem="relaxed")


@_jit
def _choose(histogram, found, wanted, sampled, size, WINDOW: tl.constexpr, BLOCK: tl.constexpr):
    """found[0]: where the window of magnitudes begins."""
    number = tl.program_id(0)
    rank = (tl.load(wanted + number) * sampled + size - 1) // size - 1
    upto = tl.cumsum(tl.load(histogram + tl.arange(0, BLOCK)), axis=0)
    # the magnitude at that rank, counted from 0
    middle = tl.sum((upto <= rank).to(tl.int32), axis=0)
    tl.store(found + number * 4, tl.maximum(middle - WINDOW // 2, 0).to(tl.int64))


@_jit
def _met(table, digit, PROGRAMS: tl.constexpr, WINDOW: tl.constexpr):
    """Which magnitudes lie below a window; those in it are counted in the program's column of the table."""
    near = (digit >= 0) & (digit < WINDOW)
    tl.atomic_add(table + digit * PROGRAMS, 1, mask=near, sem="relaxed")
    return (digit < 0).to(tl.int32)


@_jit
def _count(
    bits,
    table,
    found,
    size,
    stretch,
    NUMBER: tl.constexpr,
    PROGRAMS: tl.constexpr,
    WINDOW: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """table: per threshold what is at each magnitude of its window, then what lies below; a program each."""
    program = tl.program_id(0).to(tl.int64)
    end = tl.minimum((program + 1) * stretch, size)
    table += program
    other_table = table + (WINDOW + 1) * PROGRAMS
    low = tl.load(found).to(tl.int32)
    other_low = tl.load(found + 4 * (NUMBER - 1)).to(tl.int32)
    under = tl.zeros([BLOCK], tl.int32)
    other_under = tl.zeros([BLOCK], tl.int32)
    for begin in range(program * stretch, end, BLOCK):
        place = begin + tl.arange(0, BLOCK)
        magnitude = tl.load(bits + place, mask=place < end, other=0).to(tl.int32) & 0x7FFF
        # what is not there lies above every window
        magnitude = tl.where(place < end, magnitude, 1 << 20)
        under += _met(table, magnitude - low, PROGRAMS, WINDOW)
        if NUMBER == 2:
            other_under += _met(other_table, magnitude - other_low, PROGRAMS, WINDOW)
    tl.store(table + WINDOW * PROGRAMS, tl.sum(under, axis=0))
    if NUMBER == 2:
        tl.store(other_table + WINDOW * PROGRAMS, tl.sum(other_under, axis=0))


@_jit
def _total(table, totals, PROGRAMS: tl.constexpr, WINDOW: tl.constexpr, ROWS: tl.constexpr):
    """totals: of a row of the table, over all programs."""
    number, digit = tl.program_id(0), tl.program_id(1)
    at = number * (WINDOW + 1) + digit
    row = tl.arange(0, ROWS)
    counted = tl.load(table + at * PROGRAMS + row, mask=row < PROGRAMS, other=0)
    tl.store(totals + at, tl.sum(counted.to(tl.int64), axis=0))


@_jit
def _decide(
    table, totals, found, wanted, stretch, PROGRAMS: tl.constexpr, WINDOW: tl.constexpr, ROWS: tl.constexpr
):
    """found[0]: the threshold; [1]: where the stretch with the last tie begins; [2]: its number there."""
    number = tl.program_id(0)
    count = tl.load(wanted + number)
    totals += number * (WINDOW + 1)
    found += number * 4
    below = tl.load(totals + WINDOW)
    upto = below + tl.cumsum(tl.load(totals + tl.arange(0, WINDOW)), axis=0)
    passed = upto < count
    digit = tl.sum(passed.to(tl.int32), axis=0)
    ties = count - tl.maximum(below, tl.max(tl.where(passed, upto, 0), axis=0))
    row = tl.arange(0, ROWS)
    column = number * (WINDOW + 1) + tl.minimum(digit, WINDOW - 1)
    of_each = tl.load(table + column * PROGRAMS + row, mask=row < PROGRAMS, other=0).to(tl.int64)
    program = tl.sum((tl.cumsum(of_each, axis=0) < ties).to(tl.int32), axis=0)
    earlier = tl.sum(tl.where(row < program, of_each, 0), axis=0)
    threshold = tl.load(found) + digit
    right = (digit < WINDOW) & (below < count) & (threshold > 0)
    tl.store(found, threshold)
    tl.store(found + 1, tl.minimum(program, PROGRAMS - 1).to(tl.int64) * stretch)
    tl.store(found + 2, ties - earlier)
    tl.store(found + 3, right.to(tl.int64))


@_jit
def _tied(bits, threshold, begin, end, BLOCK: tl.constexpr):
    """Which elements are at the threshold."""
    place = begin + tl.arange(0, BLOCK)
    magnitude = tl.load(bits + place, mask=place < end, other=0x7FFF).to(tl.int32) & 0x7FFF
    return ((magnitude == threshold) & (place < end)).to(tl.int32)


@_jit
def _cut(bits, found, size, stretch, BLOCK: tl.constexpr):
    """found[2]: the position of the last tie that goes."""
    found += tl.program_id(0) * 4
    threshold = tl.load(found).to(tl.int32)
    begin = tl.load(found + 1)
    wanted = tl.load(found + 2).to(tl.int32)
    end = tl.minimum(begin + stretch, size)
    # the block with the last tie, then where in it
    before = 0
    passed = 0
    block = begin
    for start in range(begin, end, BLOCK):
        upto = before + tl.sum(_tied(bits, threshold, start, end, BLOCK), axis=0)
        later = upto < wanted
        block = tl.where(later, start + BLOCK, block)
        passed = tl.where(later, upto, passed)
        before = upto
    tied = _tied(bits, threshold, block, end, BLOCK)
    number = passed + tl.cumsum(tied, axis=0)
    place = block + tl.arange(0, BLOCK)
    last = tl.max(tl.where((tied == 1) & (number == wanted), place, begin - 1), axis=0)
    tl.store(found + 2, last)


@_jit
def _prune(bits, result, found, size, BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(bits + place, mask=place < size, other=0)
    threshold = tl.load(found).to(tl.int32)
    magnitude = value.to(tl.int32) & 0x7FFF
    goes = (magnitude < threshold) | ((magnitude == threshold) & (place <= tl.load(found + 2)))
    tl.store(result + place, tl.where(goes, 0, value).to(tl.int16), mask=place < size)
