"""One rounding from float64 to a narrow dtype."""

from __future__ import annotations

import torch


def rounded_once(wide: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Convert to `dtype` with one rounding, half to even.

    From float64, torch goes by way of float32, and what that rounds to a tie of the narrow dtype is rounded
    again. Rounded to odd on the way (toward zero, then the last bit set unless exact), no tie arises that was
    none (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
    """
    if wide.dtype != torch.float64 or dtype.itemsize != 2:
        return wide.to(dtype)
    narrow = wide.float()
    bits = narrow.view(torch.int32)
    back = narrow.double()
    odd = (bits - (back.abs() > wide.abs()).int()) | 1
    exact = (back == wide) | ~torch.isfinite(wide)
    return torch.where(exact, bits, odd).view(torch.float32).to(dtype)
