"""Cell `inject`: a copy of a baseline with one deliberate error, and the proof that the error is there."""

from __future__ import annotations

from typing import Any

import torch

from validation.job import Fault, Job, Part, emit, write_json
from validation.variants.errors import STRUCTURAL, TYING, Error, parse_error
from validation.variants.proof import prove
from validation.variants.publish import compute_device, finite_peak, publish, require_floats
from validation.variants.structure import break_structure
from validation.variants.tying import tied
from validation.weights.checkpoint import open_checkpoint
from validation.weights.matrices import matrices
from validation.weights.matrix import Matrix, Piece
from validation.weights.rewrite import Change, Copy, Loaded, by_piece, rewrite
from validation.weights.store import Entry, locked_entry, open_entry

METADATA = "error_metadata.json"


def run(job: Job) -> None:
    """Make the model with the error if the store lacks it, and publish its manifest and metadata.

    Raises:
        Fault: `bad_input` and `bad_edit` as `parse_error`, `bad_edit` for a baseline that the error cannot be
            put into, `internal` when the written files do not show it, `weights_missing` without a baseline.
    """
    torch.set_num_threads(max(1, job.device.threads))
    part = job.only
    emit("started")
    with locked_entry(part.place, rebuild=job.rebuild) as entry:
        if not entry.complete:
            described = _make(job, part, entry)
            described["device_class"] = job.device.device_class
            write_json(entry.draft / METADATA, described)
            entry.commit(job.device.device_class)
        publish(entry, part, METADATA)


def _make(job: Job, part: Part, entry: Entry) -> dict[str, Any]:
    """Fill the entry's draft, and prove the error in it; returns its metadata."""
    kind, declared = str(part.spec.get("error")), part.spec.get("matrices")
    source = open_checkpoint(open_entry(job.read("baseline")))
    if kind in STRUCTURAL:
        return break_structure(source, entry, kind, declared)
    if kind == TYING:
        error, found = tied(source)
    else:
        error = parse_error(part.spec)
        found = error.strikes(matrices(source, declared))
    if not found:
        raise Fault("bad_edit", f"{source.path}: has no matrix for {kind}")
    require_floats(source, found)
    targets = by_piece(found)
    rewrite(source, [Copy(entry, targets, _change(error, targets, compute_device(job)))], kind)
    return prove(source, open_checkpoint(entry.draft), kind, error, targets)


def _change(error: Error, targets: dict[Piece, list[Matrix]], device: torch.device) -> Change:
    def change(loaded: Loaded) -> torch.Tensor:
        result = loaded.values.clone()
        for matrix in targets[loaded.piece]:
            values = matrix.take(loaded.values).to(device)
            finite_peak(matrix, values)
            matrix.put(result, error.make(values))
        return result

    return change
