"""The interface of all edits, and the arithmetic that they share: chunks, threads, exact division."""

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
        name: for messages; noise depends on it.
        values: `[out, in]` in the stored dtype, on the device that computes; never changed in place.
        shared: intermediate results that the edits of this matrix share.
        edits: all edits of the matrix in this pass, so that the first can compute what the others need too.
            They must not change the result of this edit.
    """

    name: str
    values: torch.Tensor
    shared: dict[str, Any] = field(default_factory=dict)
    edits: Sequence[Edit] = ()

    @property
    def peak(self) -> torch.Tensor:
        """max|w| as a float32 scalar on the device, computed once for all edits."""
        if "peak" not in self.shared:
            self.shared["peak"] = largest_magnitude(self.values)
        peak: torch.Tensor = self.shared["peak"]
        return peak


@dataclass(frozen=True)
class Edited:
    """The edited matrix `[out, in]` in the stored dtype, and the facts about it for the metadata."""

    values: torch.Tensor
    facts: dict[str, Any] = field(default_factory=dict)


class Edit(Protocol):
    """An edit with its parameters. Formulas: docs/formulas.md, "Edits"."""

    def parameters(self) -> dict[str, Any]:
        """The parameters as the metadata records them."""

    def apply(self, weights: Weights) -> Edited:
        """The edited matrix: computed in float32 or better, rounded once to the stored dtype."""

    def summary(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The edit's own keys of `edit_metadata.json`, from the metadata of all matrices.

        Their names are those of InvarLock's B200 validation suite v2.1.0.
        """


def whole_number(spec: Mapping[str, Any], key: str, low: int, high: int | None = None) -> int:
    """A whole number of the specification.

    Raises:
        Fault: `bad_edit` when it is not one, or not between `low` and `high`.
    """
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


def number(spec: Mapping[str, Any], key: str, above: float, below: float) -> float:
    """A number of the specification.

    Raises:
        Fault: `bad_edit` when it is not one, or not strictly between `above` and `below`.
    """
    value = spec.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and above < value < below:
        return float(value)
    allowed = f"a number above {above:g} and below {below:g} is allowed"
    raise Fault("bad_edit", f"{spec.get('type')}: {key} is {value!r}; {allowed}")


def require_room(weights: Weights, more: float) -> None:
    """Check that the largest magnitude may grow by so much without becoming infinite.

    Raises:
        Fault: `bad_edit` when the stored dtype has no such number.
    """
    dtype = weights.values.dtype
    if float(weights.peak) + more > torch.finfo(dtype).max:
        raise Fault(
            "bad_edit",
            f"{weights.name}: the edit makes weights that {str(dtype).removeprefix('torch.')} cannot hold",
            "Give it a smaller strength.",
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's arithmetic on one thread: more threads sum in another order, which gives other bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(ARITHMETIC_THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def row_chunks(values: torch.Tensor) -> Iterator[slice]:
    """Slices over the rows of a matrix `[out, in]`, of about `CHUNK` elements (`GPU_CHUNK` on a GPU)."""
    step = max(1, (GPU_CHUNK if values.is_cuda else CHUNK) // max(1, values.shape[1]))
    for start in range(0, values.shape[0], step):
        yield slice(start, start + step)


def largest_magnitude(values: torch.Tensor) -> torch.Tensor:
    """max|w| of a matrix as a float32 scalar."""
    low, high = torch.aminmax(values)
    return torch.maximum(low.float().abs(), high.float().abs())


def on_gpu(values: torch.Tensor) -> bool:
    """Whether the fused kernels can edit a matrix: it is contiguous, on a CUDA device that can run them."""
    return values.is_cuda and values.is_contiguous() and kernels.available(values.device)


def divided(values: torch.Tensor, divisor: float) -> torch.Tensor:
    """`values / divisor`, rounded once on every device.

    For a Python number CUDA multiplies by its reciprocal, which changes the last bit of the scale; weights
    halfway between two levels (bf16 has many of them) would then go to the other level.
    """
    return values / torch.full_like(values, divisor)
