"""Triton, imported only where it can run: it takes memory and time to load, and not every system has it."""

from __future__ import annotations

import importlib
import os
from typing import Any

import torch

triton: Any = None
tl: Any = None

if torch.cuda.is_available() or os.environ.get("TRITON_INTERPRET") == "1":
    triton, tl = importlib.import_module("triton"), importlib.import_module("triton.language")


def jit(kernel: Any) -> Any:
    """Compile a kernel at its first call; without Triton, return the function, which is then never called."""
    return kernel if triton is None else triton.jit(kernel)
