"""What edits and errors share: the device, a look at the numbers, and how a made variant is published."""

from __future__ import annotations

import torch

from validation.edits.base import row_chunks
from validation.families import Matrix
from validation.job import Fault, Job, Part, emit, write_json, write_text
from validation.store import MANIFEST, Entry


def publish(entry: Entry, part: Part, metadata: str) -> None:
    """Put an entry's manifest and metadata into the part's results."""
    write_json(part.out / MANIFEST, entry.manifest)
    write_text(part.out / metadata, (entry.path / metadata).read_text(encoding="utf-8"))
    emit("part", name=part.name)


def finite(matrix: Matrix, values: torch.Tensor) -> torch.Tensor:
    """The values, if all are finite (`bad_edit` if not)."""
    for rows in row_chunks(values):
        if not bool(torch.isfinite(values[rows]).all()):
            raise Fault(
                "bad_edit",
                f"{matrix.name}: the baseline has a NaN or an infinity in it",
                "The baseline is broken. Make it again (target 'setup') or name another model.",
            )
    return values


def compute_device(job: Job) -> torch.device:
    """Where the numbers are worked out."""
    return torch.device("cuda" if job.device.type == "cuda" else "cpu")


def rounded(value: float) -> float:
    """Six digits: what sums keep whatever their order, so that metadata is the same bytes every time."""
    return float(f"{value:.6g}")
