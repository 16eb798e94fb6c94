"""`python -m validation.compute.flash_check`: whether flash attention, as installed here, works on the GPUs.

A wheel made for another torch lacks a symbol when it is imported, one made for other GPUs fails at its first
kernel: both are seen here in a second, instead of in every cell of a run. The last line says what is wrong.
"""

from __future__ import annotations

import sys
from typing import Any

#: A GPU that others fill or hold says nothing about the package.
_BUSY = ("out of memory", "busy or unavailable")
#: Of bf16 results of the same sums in another order.
_TOLERANCE = 0.02


def problem() -> str | None:
    """Why models must not be loaded with it; None where they may."""
    try:
        import flash_attn
    except Exception as error:  # a broken library may raise anything
        return _told(error)
    import torch

    if not torch.cuda.is_available():
        return "torch finds no usable GPU"
    for index in range(torch.cuda.device_count()):
        try:
            worst = _difference(flash_attn.flash_attn_func, torch.device("cuda", index))
        except Exception as error:
            if any(word in str(error) for word in _BUSY):
                continue
            return _told(error)
        if not worst <= _TOLERANCE:
            return f"its results on GPU {index} are off by {worst:.3g}"
    return None


def _difference(flash: Any, device: Any) -> float:
    """How far it is from transformers' usual attention, on causal attention of `[2, 40, 4, 64]`."""
    import torch

    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 40, 4, 64, device=device, dtype=torch.bfloat16) for _ in range(3))
    found = flash(query, key, value, causal=True)
    expected = torch.nn.functional.scaled_dot_product_attention(
        query.transpose(1, 2).float(),
        key.transpose(1, 2).float(),
        value.transpose(1, 2).float(),
        is_causal=True,
    )
    return float((found.float() - expected.transpose(1, 2)).abs().max())


def _told(error: Exception) -> str:
    return (
        f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no word'}"
    )


if __name__ == "__main__":
    what = problem()
    if what is not None:
        print(what)
        sys.exit(1)
