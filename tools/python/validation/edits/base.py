"""What every edit has: its parameters, what it makes of one matrix, and what it says about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from validation.edits import kernels
from validation.job import Fault

#: Elements worked on at a time: 32-bit copies stay in the processor's cache, and memory stays flat. On one
#: core two to three times as fast as 2^22, where every copy is fresh memory.
CHUNK = 1 << 18
#: On a GPU: enough to keep it busy, and 32-bit copies still are a fraction of a large matrix.
GPU_CHUNK = 1 << 23
#: Threads of arithmetic whose result would depend on their number: sums, factorizations.
ARITHMETIC_THREADS = 1


@dataclass
class Weights:
    """A logical matrix to edit.

    Attributes:
        name: for messages.
        values: `[out, in]` in the stored dtype, on the device that computes; never changed in place.
        shared: what one edit worked out and another edit of the same matrix may use.
        edits: all that the matrix gets in this pass, so that the first can work out what the others need too.
            None of it may show in a result.
    """

    name: str
    values: torch.Tensor
    shared: dict[str, Any] = field(default_factory=dict)
    edits: Sequence[Edit] = ()

    @property
    def peak(self) -> torch.Tensor:
        """max|w| as a float32 scalar on the device, worked out once for all edits."""
        if "peak" not in self.shared:
            self.shared["peak"] = largest_magnitude(self.values)
        peak: torch.Tensor = self.shared["peak"]
        return peak


@dataclass(frozen=True)
class Edited:
    """The matrix an edit made (same shape and dtype), and what there is to say about it."""

    values: torch.Tensor
    facts: dict[str, Any] = field(default_factory=dict)


class Edit(Protocol):
    """An edit with its parameters."""

    def parameters(self) -> dict[str, Any]:
        """The parameters as they stand in the metadata."""

    def apply(self, weights: Weights) -> Edited:
        """The edited matrix: computed in float32 or better, rounded once to the stored dtype."""

    def summary(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The reference suite's keys of `edit_metadata.json`, from the metadata of all matrices."""


def whole_number(spec: Mapping[str, Any], key: str, low: int, high: int | None = None) -> int:
    """A whole number of the specification (`bad_edit` when it is none or out of range)."""
    value = spec.get(key)
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and low <= value
        and (high is None or value <= high)
    ):
        return value
    bounds = f"at least {low}" if high is None else f"from {low} to {high}"
    raise Fault("bad_edit", f"{spec.get('type')}: {key} is {value!r}; a whole number {bounds} is allowed")


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's arithmetic on one thread: sums in another order would be other bits on more."""
    before = torch.get_num_threads()
    torch.set_num_threads(ARITHMETIC_THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def row_chunks(values: torch.Tensor) -> Iterator[slice]:
    """Slices of rows of about `CHUNK` elements, `GPU_CHUNK` on a GPU."""
    step = max(1, (GPU_CHUNK if values.is_cuda else CHUNK) // max(1, values.shape[1]))
    for start in range(0, values.shape[0], step):
        yield slice(start, start + step)


def largest_magnitude(values: torch.Tensor) -> torch.Tensor:
    """max|w| of a matrix as a float32 scalar."""
    low, high = torch.aminmax(values)
    return torch.maximum(low.float().abs(), high.float().abs())


def on_gpu(values: torch.Tensor) -> bool:
    """Whether the fused kernels may serve a matrix: it lies contiguously on a CUDA device that runs them."""
    return values.is_cuda and values.is_contiguous() and kernels.work(values.device)


def divided(values: torch.Tensor, divisor: float) -> torch.Tensor:
    """`values / divisor`, rounded once on every device.

    Divided by a Python number, CUDA multiplies by its reciprocal: another scale in the last bit, and on it
    weights that lie halfway between two levels (with bf16 there are many) go to the other level.
    """
    return values / torch.full_like(values, divisor)
