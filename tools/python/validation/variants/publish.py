"""Steps that edits and errors share: checks of the input numbers, the compute device, and publishing."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from validation.edits.base import largest_magnitude
from validation.job import Fault, Job, Part, emit, write_json, write_text
from validation.weights.checkpoint import Checkpoint
from validation.weights.matrix import Matrix
from validation.weights.store import MANIFEST, Entry


def publish(entry: Entry, part: Part, metadata: str) -> None:
    """Put an entry's manifest and metadata into the part's results."""
    write_json(part.out / MANIFEST, entry.manifest)
    write_text(part.out / metadata, (entry.path / metadata).read_text(encoding="utf-8"))
    emit("part", name=part.name)


def finite_peak(matrix: Matrix, values: torch.Tensor) -> torch.Tensor:
    """max|w| as a float32 scalar on the values' device; one read also checks that all are finite.

    Raises:
        Fault: `bad_edit` for a NaN or an infinity.
    """
    peak = largest_magnitude(values)
    if not bool(torch.isfinite(peak)):
        raise Fault(
            "bad_edit",
            f"{matrix.name}: the baseline has a NaN or an infinity in it",
            "The baseline is damaged. Build it again (target 'setup') or name another model.",
        )
    return peak


def require_floats(source: Checkpoint, found: Sequence[Matrix]) -> None:
    """Check that the matrices are stored as floating point of 16 or 32 bits.

    Raises:
        Fault: `bad_edit` for another dtype.
    """
    tensors = source.tensors
    for name in dict.fromkeys(matrix.tensor for matrix in found):
        if tensors[name].dtype not in ("BF16", "F16", "F32"):
            raise Fault(
                "bad_edit", f"{name} is {tensors[name].dtype}; only floating point of 16 or 32 bits is edited"
            )


def compute_device(job: Job) -> torch.device:
    """The device that computes edits and errors."""
    return torch.device("cuda" if job.device.type == "cuda" else "cpu")


def on_host(values: torch.Tensor) -> torch.Tensor:
    """The values in host memory; from a GPU in pinned memory, which torch reuses for the next ones."""
    if not values.is_cuda:
        return values
    result = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return result.copy_(values)


def rounded(value: float) -> float:
    """The value with six digits, which do not depend on the order of a sum: equal metadata every time."""
    return float(f"{value:.6g}")
