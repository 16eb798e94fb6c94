"""The conversion from float64 to a 16-bit dtype with a single rounding."""

from __future__ import annotations

import torch


def rounded_once(wide: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Convert to `dtype` with one rounding, half to even.

    From float64, torch converts to float32 first, which can round to a tie of the narrow dtype, which is then
    rounded again. Rounding to odd in the first step (toward zero, then the last bit set unless exact) makes
    no such false tie (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
    """
    if wide.dtype != torch.float64 or dtype.itemsize != 2:
        return wide.to(dtype)
    narrow = wide.float()
    bits = narrow.view(torch.int32)
    back = narrow.double()
    odd = (bits - (back.abs() > wide.abs()).int()) | 1
    exact = (back == wide) | ~torch.isfinite(wide)
    return torch.where(exact, bits, odd).view(torch.float32).to(dtype)
