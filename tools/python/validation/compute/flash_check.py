"""`python -m validation.compute.flash_check`: checks that the installed flash attention works on the GPUs.

A wheel built for another torch fails when it is imported, one built for other GPUs at its first kernel. This
check finds both in a second, before any cell runs. The last line of its output is the problem.
"""

from __future__ import annotations

import sys
from typing import Any

#: Errors of a GPU that is full or reserved by others: they say nothing about the package.
_BUSY = ("out of memory", "busy or unavailable")
#: Largest difference of bf16 results that comes from summing in another order.
_TOLERANCE = 0.02


def problem() -> str | None:
    """The reason not to load models with it; None when it works."""
    try:
        import flash_attn
    except Exception as error:  # a damaged library may raise anything
        return _summary(error)
    import torch

    if not torch.cuda.is_available():
        return "torch finds no usable GPU"
    for index in range(torch.cuda.device_count()):
        try:
            worst = _difference(flash_attn.flash_attn_func, torch.device("cuda", index))
        except Exception as error:
            if any(word in str(error) for word in _BUSY):
                continue
            return _summary(error)
        if not worst <= _TOLERANCE:
            return f"its results on GPU {index} are off by {worst:.3g}"
    return None


def _difference(flash: Any, device: Any) -> float:
    """Largest absolute difference from torch's own causal attention, for inputs of shape `[2, 40, 4, 64]`."""
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


def _summary(error: Exception) -> str:
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {lines[0]}"


if __name__ == "__main__":
    what = problem()
    if what is not None:
        print(what)
        sys.exit(1)
