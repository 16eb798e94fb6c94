"""Edit `gaussian_noise`: every weight gets noise of `sigma` times its matrix's standard deviation.

result = w + n * a with a = sigma * std(W), to six digits, and n one of 65,536 equally likely quantiles of the
normal distribution, scaled to variance 1. Which one depends on the matrix's name and the weight's position
in `[out, in]` alone: 16 bits of SplitMix64's output, four weights an output. So neither shards, chunks,
threads nor the device change a byte, and all strengths of a matrix go in one direction, as far as sigma says.
Source: docs/formulas.md, "Edits".
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import torch

from validation.edits.base import Edited, Weights, number, one_thread, require_room, row_chunks

#: Part of every matrix's key: another seed is another noise.
_SEED = "gaussian_noise 1"
_LEVELS = 1 << 16
#: Weights that one output of SplitMix64 serves.
_EACH = 4
#: SplitMix64: the step of its counter, and its two factors (Steele, Lea, Flood 2014).
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


@dataclass(frozen=True)
class GaussianNoise:
    """`sigma` is the noise's standard deviation as a multiple of the matrix's."""

    sigma: float

    @classmethod
    def parse(cls, spec: Mapping[str, Any]) -> GaussianNoise:
        """Read `sigma` (0 < sigma < 1000).

        Raises:
            Fault: `bad_edit` for anything else.
        """
        return cls(number(spec, "sigma", 0, 1000))

    def parameters(self) -> dict[str, Any]:
        """Sigma."""
        return {"sigma": self.sigma}

    def apply(self, weights: Weights) -> Edited:
        """Add noise to a matrix `[out, in]`."""
        values = weights.values
        amplitude = six_digits(self.sigma * _deviation(weights))
        if not amplitude:
            return Edited(values, {"noise": 0.0})
        table = _quantiles().to(values.device)
        require_room(weights, amplitude * float(table[-1]))
        key, width = _key(weights.name), values.shape[1]
        result = torch.empty_like(values)
        for rows in row_chunks(values):
            chunk = values[rows].float()
            noise = table[_drawn(key, rows.start * width, chunk.numel(), values.device)]
            # two operations, each rounded: a fused one would round once, and not on every device
            result[rows] = noise.mul_(amplitude).view(chunk.shape).add_(chunk).to(values.dtype)
        return Edited(result, {"noise": amplitude})

    def summary(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The number of matrices."""
        return {"noisy_matrices": len(rows)}


def six_digits(value: float) -> float:
    """The value to six digits, which the order of a sum does not change."""
    return float(f"{value:.6g}")


def _deviation(weights: Weights) -> float:
    """The standard deviation of a matrix's weights, computed once for all strengths."""
    if "deviation" not in weights.shared:
        values = weights.values
        sums = torch.zeros(2, dtype=torch.float64, device=values.device)
        with one_thread():
            for rows in row_chunks(values):
                wide = values[rows].double()
                sums += torch.stack([wide.sum(), wide.square().sum()])
        mean, square = (float(each) / values.numel() for each in sums)
        variance = square - mean * mean
        # below this share the difference is what the sums' rounding left: the weights are all equal
        weights.shared["deviation"] = math.sqrt(variance) if variance > 1e-12 * square else 0.0
    found: float = weights.shared["deviation"]
    return found


def _key(name: str) -> int:
    """The matrix's own start of the counter."""
    return int.from_bytes(hashlib.sha256(f"{_SEED} {name}".encode()).digest()[:8], "little")


@cache
def _quantiles() -> torch.Tensor:
    """The normal distribution at 65,536 equally likely points, with variance 1: float32, ascending."""
    normal = NormalDist()
    points = [normal.inv_cdf((level + 0.5) / _LEVELS) for level in range(_LEVELS)]
    size = math.sqrt(math.fsum(point * point for point in points) / _LEVELS)
    return torch.tensor([point / size for point in points], dtype=torch.float64).float()


def _drawn(key: int, first: int, count: int, device: torch.device) -> torch.Tensor:
    """The levels (int32, 0 ... 65535) of `count` weights from position `first` on."""
    begin, end = first // _EACH, -(-(first + count) // _EACH)
    state = torch.arange(begin + 1, end + 1, dtype=torch.int64, device=device)
    state = state.mul_(_signed(_STEP)).add_(_signed(key))
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        state = state.bitwise_xor_(_shifted(state, shift)).mul_(_signed(factor))
    state = state.bitwise_xor_(_shifted(state, 31))
    skipped = first - begin * _EACH
    return state.view(torch.int16)[skipped : skipped + count].to(torch.int32).bitwise_and_(_LEVELS - 1)


def _signed(value: int) -> int:
    """The 64 bits of a number as torch has them: whole numbers with a sign, whose products wrap."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def _shifted(values: torch.Tensor, by: int) -> torch.Tensor:
    """Shifted to the right, with zeros from the left."""
    return (values >> by).bitwise_and_((1 << (64 - by)) - 1)
