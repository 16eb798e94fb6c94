"""Kind `edit`: edited copies of a baseline, all that are asked for in one pass over its tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch

from validation.checkpoint import Checkpoint, open_checkpoint
from validation.edits import parse_edit
from validation.edits.base import Edit, Weights, row_chunks
from validation.families import Matrix, in_scope, matrices
from validation.job import Fault, Job, Part, Store, write_json
from validation.rewrite import Copy, Loaded, rewrite
from validation.store import Entry, locked_entry, open_entry
from validation.variant import compute_device, finite, publish, rounded

METADATA = "edit_metadata.json"


@dataclass
class Edition:
    """One edited copy in the making: an edit, the matrices it changes, and what it has said about them."""

    edit: Edit
    spec: dict[str, Any]
    by_tensor: dict[str, list[Matrix]]
    device: torch.device
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    squares: tuple[float, float] = (0.0, 0.0)
    magnitudes: tuple[float, float] = (0.0, 0.0)

    @property
    def changes_nothing(self) -> bool:
        """Whether every matrix came out as it was, although there was something to change."""
        return self.magnitudes[0] == 0 and self.magnitudes[1] > 0

    def change(self, loaded: Loaded) -> torch.Tensor:
        """Edit the matrices of one tensor.

        Raises:
            Fault: `bad_edit` when one of them has a NaN or an infinity.
        """
        found = self.by_tensor[loaded.stored.name]
        whole = len(found) == 1 and not found[0].label
        result = torch.empty(0) if whole else loaded.values.clone()
        for matrix in found:
            shared = loaded.shared.setdefault(matrix.name, {})
            if "values" not in shared:
                shared["values"] = finite(matrix, matrix.of(loaded.values).to(self.device))
            before: torch.Tensor = shared["values"]
            edited = self.edit.apply(Weights(matrix.name, before, shared))
            if whole:
                result = edited.values.cpu()
            else:
                matrix.of(result).copy_(edited.values)
            self.rows[matrix.name] = {
                "matrix": matrix.name,
                "tensor": matrix.tensor,
                "shape": list(matrix.shape),
                "parameters": matrix.parameters,
                **self._errors(before, edited.values),
                **edited.facts,
            }
        return result

    def metadata(self, source: Checkpoint, device_class: str) -> dict[str, Any]:
        """What `edit_metadata.json` says; the same bytes whenever the copy is made again."""
        order = [matrix.name for found in self.by_tensor.values() for matrix in found]
        rows = [self.rows[name] for name in order]
        edited = sum(row["parameters"] for row in rows)
        total = sum(stored.parameters for stored in source.tensors.values())
        return {
            "schema": 1,
            "edit_type": self.spec["type"],
            "scope": self.spec["scope"],
            **self.edit.parameters(),
            **self.edit.summary(rows),
            "device_class": device_class,
            "tensors": rows,
            "totals": {
                "matrices": len(rows),
                "tensors": len(self.by_tensor),
                "parameters_edited": edited,
                "parameters": total,
                "coverage": rounded(edited / total),
                "relative_error": rounded(
                    (self.squares[0] / self.squares[1]) ** 0.5 if self.squares[1] else 0.0
                ),
                "bytes_written": source.weights_bytes + sum(len(shard.header) for shard in source.shards),
            },
        }

    def _errors(self, before: torch.Tensor, after: torch.Tensor) -> dict[str, float]:
        """|W' - W| / |W|, in the Frobenius norm and in the sum of magnitudes; 0 for a matrix of zeros."""
        sums = torch.zeros(4, dtype=torch.float64, device=before.device)
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
        editions = plan(source, [by_store[store][0] for store in pending], compute_device(job))
        copies = [
            Copy(entry, edition.by_tensor.keys(), edition.change)
            for entry, edition in zip(pending.values(), editions, strict=True)
        ]
        rewrite(source, copies, "editing tensors")
        if idle := [
            f"{by_store[store][0].name}: changes nothing, every matrix in its scope comes out as it was"
            for store, edition in zip(pending, editions, strict=True)
            if edition.changes_nothing
        ]:
            raise Fault("bad_edit", "\n".join(idle), "Give it a lower rank, or a higher sparsity.")
        for (store, entry), edition in zip(pending.items(), editions, strict=True):
            write_json(entry.draft / METADATA, edition.metadata(source, job.device.device_class))
            entry.commit()
            for part in by_store[store]:
                publish(entry, part, METADATA)


def plan(source: Checkpoint, parts: Sequence[Part], device: torch.device) -> list[Edition]:
    """Find what each part edits, before anything is written.

    Raises:
        Fault: `bad_edit` that lists every part that cannot be made, and why.
    """
    found = matrices(source)
    editions, problems = [], []
    for part in parts:
        try:
            editions.append(_edition(source, found, part, device))
        except Fault as fault:
            problems.append(f"{part.name}: {fault}")
    if problems:
        raise Fault("bad_edit", "\n".join(problems))
    return editions


def _edition(source: Checkpoint, found: list[Matrix], part: Part, device: torch.device) -> Edition:
    edit = parse_edit(part.spec)
    chosen = in_scope(found, str(part.spec.get("scope")))
    if not chosen:
        raise Fault("bad_edit", f"no matrix of {source.path} is in scope '{part.spec['scope']}'")
    by_tensor: dict[str, list[Matrix]] = defaultdict(list)
    for matrix in chosen:
        by_tensor[matrix.tensor].append(matrix)
    tensors = source.tensors
    for name in by_tensor:
        if tensors[name].dtype not in ("BF16", "F16", "F32"):
            raise Fault(
                "bad_edit", f"{name} is {tensors[name].dtype}; only floating point of 16 or 32 bits is edited"
            )
    return Edition(edit, part.spec, dict(by_tensor), device)
