"""Hypothesis draws the same examples every time: a test that fails does so for whoever runs it.

Where there is no GPU, Triton's kernels run in its interpreter, which it is asked for before it is imported.
"""

from __future__ import annotations

import os

import torch
from hypothesis import settings

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")

settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")
