"""GPU kernels (Triton) of magnitude pruning, which find the threshold of 16-bit magnitudes and prune.

As in `kernels`: results are bit for bit those of torch on a CPU, and nothing waits for the GPU.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"
from __future__ import annotations

from collections.abc import Sequence

import torch

from validation.edits.jit import jit, tl, triton

#: Elements that one program (thread block) works on.
_BLOCK = 1024
#: Number of neighbouring magnitudes that one count distinguishes.
WINDOW = 16
#: Programs of a count: each has its own part of the matrix and its own histogram.
_PROGRAMS = 4096
#: Magnitudes in the sample that estimates a threshold.
_SAMPLE = 1 << 17
#: Number of different magnitudes of a 16-bit number.
_MAGNITUDES = 1 << 15
#: Largest number of thresholds that one count finds.
_AT_ONCE = 2
#: Elements that the program looking for the last tie takes at a time.
_CUT = 16 * _BLOCK


class Thresholds:
    """The thresholds of `prune` for a 16-bit matrix `[out, in]`: several counts (each from 1) in one read.

    A sample estimates each threshold. Counting the magnitudes below the estimate, and those at each of the
    `WINDOW` magnitudes from there on, makes it exact. Only `right` waits for the GPU, and only for the count:
    a pruning that was started meanwhile is discarded when the threshold is not right.
    """

    def __init__(self, values: torch.Tensor, counts: Sequence[int]) -> None:
        parts = [_thresholds(values, counts[at : at + _AT_ONCE]) for at in range(0, len(counts), _AT_ONCE)]
        rows = torch.cat(parts) if len(parts) > 1 else parts[0]
        self.of = dict(zip(counts, rows, strict=True))
        self._right = torch.empty(len(counts), dtype=torch.int64, pin_memory=rows.is_cuda)
        self._right.copy_(rows[:, 3], non_blocking=True)
        self._counted = torch.cuda.current_stream(rows.device).record_event() if rows.is_cuda else None

    def right(self, count: int) -> bool:
        """Whether the threshold of a count is exact: false where it is outside the window, or zero."""
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
    """Set magnitudes below a threshold (one of `Thresholds.of`) to zero, and the first ones equal to it.

    `values` is `[out, in]` of 16 bits on the GPU; the result has its shape and dtype.
    """
    result = torch.empty_like(values)
    size = values.numel()
    _prune[(triton.cdiv(size, _BLOCK),)](
        values.view(torch.int16), result.view(torch.int16), threshold, size, BLOCK=_BLOCK, num_warps=4
    )
    return result


@jit
def _sample(bits, histogram, sampled, step, BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < sampled
    magnitude = tl.load(bits + place * step, mask=inside, other=0).to(tl.int32) & 0x7FFF
    tl.atomic_add(histogram + magnitude, 1, mask=inside, sem="relaxed")


@jit
def _choose(histogram, found, wanted, sampled, size, WINDOW: tl.constexpr, BLOCK: tl.constexpr):
    """Writes found[0]: the first magnitude of the window."""
    number = tl.program_id(0)
    rank = (tl.load(wanted + number) * sampled + size - 1) // size - 1
    upto = tl.cumsum(tl.load(histogram + tl.arange(0, BLOCK)), axis=0)
    # the magnitude at that rank, counted from 0
    middle = tl.sum((upto <= rank).to(tl.int32), axis=0)
    tl.store(found + number * 4, tl.maximum(middle - WINDOW // 2, 0).to(tl.int64))


@jit
def _met(table, digit, PROGRAMS: tl.constexpr, WINDOW: tl.constexpr):
    """Which magnitudes are below a window; those in it are counted in the program's column of the table."""
    near = (digit >= 0) & (digit < WINDOW)
    tl.atomic_add(table + digit * PROGRAMS, 1, mask=near, sem="relaxed")
    return (digit < 0).to(tl.int32)


@jit
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
    """Writes the table, for each threshold and program: counts at the window's magnitudes, then below."""
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
        # positions after the end count as above every window
        magnitude = tl.where(place < end, magnitude, 1 << 20)
        under += _met(table, magnitude - low, PROGRAMS, WINDOW)
        if NUMBER == 2:
            other_under += _met(other_table, magnitude - other_low, PROGRAMS, WINDOW)
    tl.store(table + WINDOW * PROGRAMS, tl.sum(under, axis=0))
    if NUMBER == 2:
        tl.store(other_table + WINDOW * PROGRAMS, tl.sum(other_under, axis=0))


@jit
def _total(table, totals, PROGRAMS: tl.constexpr, WINDOW: tl.constexpr, ROWS: tl.constexpr):
    """Writes totals: the sum of a row of the table over all programs."""
    number, digit = tl.program_id(0), tl.program_id(1)
    at = number * (WINDOW + 1) + digit
    row = tl.arange(0, ROWS)
    counted = tl.load(table + at * PROGRAMS + row, mask=row < PROGRAMS, other=0)
    tl.store(totals + at, tl.sum(counted.to(tl.int64), axis=0))


@jit
def _decide(
    table, totals, found, wanted, stretch, PROGRAMS: tl.constexpr, WINDOW: tl.constexpr, ROWS: tl.constexpr
):
    """Writes found[0]: threshold; [1]: start of the part with the last tie; [2]: the tie's number there."""
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


@jit
def _tied(bits, threshold, begin, end, BLOCK: tl.constexpr):
    """Which elements are equal to the threshold."""
    place = begin + tl.arange(0, BLOCK)
    magnitude = tl.load(bits + place, mask=place < end, other=0x7FFF).to(tl.int32) & 0x7FFF
    return ((magnitude == threshold) & (place < end)).to(tl.int32)


@jit
def _cut(bits, found, size, stretch, BLOCK: tl.constexpr):
    """Writes found[2]: the position of the last tie that becomes zero."""
    found += tl.program_id(0) * 4
    threshold = tl.load(found).to(tl.int32)
    begin = tl.load(found + 1)
    wanted = tl.load(found + 2).to(tl.int32)
    end = tl.minimum(begin + stretch, size)
    # find the block with the last tie, then its position in the block
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


@jit
def _prune(bits, result, found, size, BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(bits + place, mask=place < size, other=0)
    threshold = tl.load(found).to(tl.int32)
    magnitude = value.to(tl.int32) & 0x7FFF
    goes = (magnitude < threshold) | ((magnitude == threshold) & (place <= tl.load(found + 2)))
    tl.store(result + place, tl.where(goes, 0, value).to(tl.int16), mask=place < size)
