"""Kind `edit`: edited copies of a baseline, all that are asked for in one pass over its tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch

from validation.compute.fp4_native import require_native_fp4
from validation.edits import parse_edit
from validation.edits.base import ARITHMETIC_THREADS, Edit, Weights, one_thread, row_chunks
from validation.job import Fault, Job, Part, Store, write_json
from validation.variants.publish import compute_device, finite_peak, on_host, publish, require_floats, rounded
from validation.weights.checkpoint import Checkpoint, open_checkpoint
from validation.weights.matrices import in_scope, matrices
from validation.weights.matrix import Matrix, Piece
from validation.weights.rewrite import BESIDE_A_GPU, ONE_BY_ONE, Copy, Loaded, by_piece, rewrite
from validation.weights.store import Entry, locked_entry, open_entry

METADATA = "edit_metadata.json"


@dataclass
class Edition:
    """One edited copy in the making: an edit, the matrices it changes, and what it has said about them.

    `by_matrix` has the edits of all copies of the pass, by the name of a matrix.
    """

    edit: Edit
    spec: dict[str, Any]
    by_piece: dict[Piece, list[Matrix]]
    device: torch.device
    by_matrix: dict[str, list[Edit]]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    squares: tuple[float, float] = (0.0, 0.0)
    magnitudes: tuple[float, float] = (0.0, 0.0)

    @property
    def changes_nothing(self) -> bool:
        """Whether every matrix came out as it was, although there was something to change."""
        return self.magnitudes[0] == 0 and self.magnitudes[1] > 0

    def change(self, loaded: Loaded) -> torch.Tensor:
        """Edit the matrices of one piece.

        Raises:
            Fault: `bad_edit` when one of them has a NaN or an infinity.
        """
        result: torch.Tensor | None = None
        for matrix in self.by_piece[loaded.piece]:
            shared = loaded.shared.setdefault(matrix.name, {})
            if "values" not in shared:
                shared["values"] = matrix.take(loaded.values).to(self.device, non_blocking=True)
                shared["peak"] = finite_peak(matrix, shared["values"])
            before: torch.Tensor = shared["values"]
            edited = self.edit.apply(Weights(matrix.name, before, shared, self.by_matrix[matrix.name]))
            whole = matrix.whole(edited.values)
            if whole is not None:
                result = on_host(whole)
            else:
                result = loaded.values.clone() if result is None else result
                matrix.put(result, edited.values)
            self.rows[matrix.name] = {
                "matrix": matrix.name,
                "tensor": matrix.tensor,
                "shape": list(matrix.shape),
                "parameters": matrix.parameters,
                **self._errors(before, edited.values),
                **edited.facts,
            }
        if result is None:
            raise AssertionError(f"{loaded.piece}: holds no matrix of this edit")
        return result

    def metadata(self, source: Checkpoint, copy: Copy, device_class: str) -> dict[str, Any]:
        """What `edit_metadata.json` says; the same bytes whenever the copy is made again.

        So `threads` are those whose number the result would depend on, not those that the rest ran on; and
        bytes linked are those of shards the edit leaves alone, though a file system may have copied them.
        """
        rows = [self.rows[matrix.name] for found in self.by_piece.values() for matrix in found]
        edited = sum(row["parameters"] for row in rows)
        total = sum(stored.parameters for stored in source.tensors.values())
        return {
            "schema": 1,
            "edit_type": self.spec["type"],
            "scope": self.spec["scope"],
            **self.edit.parameters(),
            **self.edit.summary(rows),
            "device_class": device_class,
            "threads": ARITHMETIC_THREADS,
            "tensors": rows,
            "totals": {
                "matrices": len(rows),
                "tensors": len({piece.tensor for piece in self.by_piece}),
                "parameters_edited": edited,
                "parameters": total,
                "coverage": rounded(edited / total),
                "relative_error": rounded(
                    (self.squares[0] / self.squares[1]) ** 0.5 if self.squares[1] else 0.0
                ),
                "bytes_written": copy.bytes_written,
                "bytes_linked": copy.bytes_linked,
            },
        }

    def _errors(self, before: torch.Tensor, after: torch.Tensor) -> dict[str, float]:
        """|W' - W| / |W|, in the Frobenius norm and in the sum of magnitudes; 0 for a matrix of zeros."""
        sums = torch.zeros(4, dtype=torch.float64, device=before.device)
        with one_thread():
            for rows in row_chunks(before):
                old = before[rows].float()
                new = after[rows].float() - old
                for index, part in enumerate((new, old)):
                    sums[index] += (part * part).sum(dtype=torch.float64)
                    sums[index + 2] += part.abs().sum(dtype=torch.float64)
        new2, old2, new1, old1 = (float(value) for value in sums)
        self.squares = (self.squares[0] + new2, self.squares[1] + old2)
        self.magnitudes = (self.magnitudes[0] + new1, self.magnitudes[1] + old1)
        return {
            "relative_error": rounded((new2 / old2) ** 0.5 if old2 else 0.0),
            "relative_l1_error": rounded(new1 / old1 if old1 else 0.0),
        }


def run(job: Job) -> None:
    """Make the edits of the job that the store lacks, and publish the manifest and the metadata of all."""
    torch.set_num_threads(max(1, job.device.threads))
    require_native_fp4(job)
    by_store: dict[Store, list[Part]] = defaultdict(list)
    for part in job.parts:
        if part.store is None:
            raise Fault("bad_input", f"part {part.name} names no place in the weights store")
        by_store[part.store].append(part)
    with ExitStack() as stack:
        pending: dict[Store, Entry] = {}
        for store in sorted(by_store, key=lambda store: (str(store.root), store.recipe)):
            entry = stack.enter_context(locked_entry(store, remake=job.remake))
            if entry.complete:
                for part in by_store[store]:
                    publish(entry, part, METADATA)
            else:
                pending[store] = entry
        if not pending:
            return
        source = open_checkpoint(open_entry(job.read("baseline")))
        device = compute_device(job)
        editions = plan(source, [by_store[store][0] for store in pending], device)
        copies = [
            Copy(entry, edition.by_piece, edition.change)
            for entry, edition in zip(pending.values(), editions, strict=True)
        ]
        rewrite(source, copies, "editing tensors", BESIDE_A_GPU if device.type == "cuda" else ONE_BY_ONE)
        if idle := [
            f"{by_store[store][0].name}: changes nothing, every matrix in its scope comes out as it was"
            for store, edition in zip(pending, editions, strict=True)
            if edition.changes_nothing
        ]:
            raise Fault("bad_edit", "\n".join(idle), "Give it a lower rank, or a higher sparsity.")
        for (store, entry), edition, copy in zip(pending.items(), editions, copies, strict=True):
            write_json(entry.draft / METADATA, edition.metadata(source, copy, job.device.device_class))
            entry.commit(job.device.device_class)
            for part in by_store[store]:
                publish(entry, part, METADATA)


def plan(source: Checkpoint, parts: Sequence[Part], device: torch.device) -> list[Edition]:
    """Find what each part edits, before anything is written.

    Raises:
        Fault: `bad_edit` that lists every part that cannot be made, and each reason once.
    """
    editions: list[Edition] = []
    by_matrix: dict[str, list[Edit]] = defaultdict(list)
    problems: dict[str, list[str]] = {}
    hints: dict[str, None] = {}
    for part in parts:
        try:
            editions.append(_edition(source, part, device, by_matrix))
        except Fault as fault:
            problems.setdefault(str(fault), []).append(part.name)
            hints[fault.hint] = None
    if problems:
        told = "\n".join(f"{', '.join(names)}: {problem}" for problem, names in problems.items())
        raise Fault("bad_edit", told, "\n".join(filter(None, hints)))
    return editions


def _edition(
    source: Checkpoint, part: Part, device: torch.device, by_matrix: dict[str, list[Edit]]
) -> Edition:
    edit = parse_edit(part.spec)
    chosen = in_scope(matrices(source, part.spec.get("matrices")), str(part.spec.get("scope")))
    if not chosen:
        raise Fault("bad_edit", f"no matrix of {source.path} is in scope '{part.spec['scope']}'")
    require_floats(source, chosen)
    for matrix in chosen:
        by_matrix[matrix.name].append(edit)
    return Edition(edit, part.spec, by_piece(chosen), device, by_matrix)
