"""A quantized checkpoint's numbers as the weights store would have them: rounded once."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from validation.sources.convert import stored_dtype
from validation.sources.dequantized import Dequantized
from validation.weights.built import Built
from validation.weights.rounding import rounded_once


@dataclass(frozen=True)
class Rounded:
    """Those of its tensors that the model has."""

    opened: Dequantized
    built: Built

    @property
    def described(self) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
        """Type and shape of all tensors by name."""
        return {
            name: (stored_dtype(dtype, loaded), shape)
            for name, (dtype, shape) in self.opened.described.items()
            if (loaded := self.built.dtype_of(name)) is not None
        }

    def read(self, name: str) -> torch.Tensor:
        """One tensor.

        Raises:
            Fault: `bad_input` for parts that do not fit each other.
        """
        return rounded_once(self.opened.read(name), self.described[name][0])
