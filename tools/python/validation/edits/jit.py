"""Triton, where it can run: it takes memory and time to load, and is not to be had for every system."""

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
    """A kernel, compiled when it is first called; elsewhere a function that nobody calls."""
    return kernel if triton is None else triton.jit(kernel)
