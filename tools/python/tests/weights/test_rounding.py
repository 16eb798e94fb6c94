"""One rounding: against exact fractions, where two would show."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.weights.rounding import rounded_once


def nearest_bf16(value: float) -> float:
    """The nearer of the two bf16 numbers around a finite float64; halfway the one whose last bit is 0."""
    exact = abs(Fraction(value))
    bits = struct.unpack("<I", struct.pack("<f", min(abs(value), 3.0e38)))[0] & 0xFFFF_0000
    if Fraction(number(bits)) > exact:  # rounded up on the way to float32
        bits -= 0x1_0000
    below, above = Fraction(number(bits)), Fraction(number(bits + 0x1_0000))
    up = exact - below > above - exact or (exact - below == above - exact and bits & 0x1_0000)
    found = number(bits + 0x1_0000 if up else bits)
    return -found if value < 0 else found


def number(bits: int) -> float:
    found: float = struct.unpack("<f", struct.pack("<I", bits))[0]
    return found


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 0x7F00).flatmap(
        lambda high: st.sampled_from([0.0, 2.0**-30, -(2.0**-30), 2.0**-50, -(2.0**-50), 0.3]).map(
            lambda nudge: number((high << 16) | 0x8000) * (1 + nudge)
        )
    )
    | st.floats(-1e30, 1e30, allow_subnormal=False),
    st.booleans(),
)
def test_to_bf16(value: float, negative: bool) -> None:
    value = -value if negative else value
    found = rounded_once(torch.tensor([value], dtype=torch.float64), torch.bfloat16)
    assert float(found) == nearest_bf16(value)


def test_by_way_of_float32_it_would_be_another_number() -> None:
    just_above_a_tie = torch.tensor([1 + 2.0**-8 + 2.0**-40], dtype=torch.float64)
    assert float(just_above_a_tie.to(torch.bfloat16)) == 1.0
    assert float(rounded_once(just_above_a_tie, torch.bfloat16)) == 1 + 2.0**-7


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_what_is_no_number_stays_so(dtype: torch.dtype) -> None:
    wide = torch.tensor([0.0, -0.0, float("inf"), float("-inf"), float("nan")], dtype=torch.float64)
    found = rounded_once(wide, dtype)
    assert found.dtype == dtype and found[:4].tolist() == wide[:4].tolist() and bool(found[4].isnan())
    assert torch.equal(rounded_once(wide[:4].float(), dtype), wide[:4].to(dtype))
