"""The edited copies of a pass: what an edit does to each matrix, and the metadata of each copy.

The cell `edit` makes all copies that are asked for in one pass over the baseline's tensors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from validation.edits import parse_edit
from validation.edits.base import ARITHMETIC_THREADS, Edit, Weights
from validation.edits.lowrank_svd import LowrankSvd
from validation.edits.zero_blocks import ZeroBlocks
from validation.job import Fault, Part
from validation.variants.difference import Difference
from validation.variants.publish import finite_peak, on_host, require_floats, rounded
from validation.weights.checkpoint import Checkpoint
from validation.weights.matrices import in_scope, matrices
from validation.weights.matrix import Matrix, Piece
from validation.weights.rewrite import Copy, Loaded, by_piece

IDLE = Fault(
    "bad_edit",
    "changes nothing, every matrix in its scope comes out as it was",
    "Give it a larger strength: a lower rank, a higher sparsity, more noise.",
)


@dataclass
class Edition:
    """One edited copy in the making.

    Attributes:
        edit: the edit with its parameters.
        spec: the part's specification, as the suite gives it.
        by_piece: the matrices to edit, by the piece they lie in.
        device: where the edit is computed.
        by_matrix: the edits of all copies of this pass, by the name of a matrix.
        rows: the metadata of each edited matrix, by name.
        difference: how far all edited matrices are from the baseline's.
    """

    edit: Edit
    spec: dict[str, Any]
    by_piece: dict[Piece, list[Matrix]]
    device: torch.device
    by_matrix: dict[str, list[Edit]]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    difference: Difference = field(default_factory=Difference)

    @property
    def changes_nothing(self) -> bool:
        """Whether every matrix came out as it was, although there was something to change."""
        return self.difference.magnitudes[0] == 0 and self.difference.magnitudes[1] > 0

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
                **self.difference.add(before, edited.values),
                **edited.facts,
            }
        if result is None:
            raise AssertionError(f"{loaded.piece}: holds no matrix of this edit")
        return result

    def metadata(self, source: Checkpoint, copy: Copy, device_class: str) -> dict[str, Any]:
        """The content of `edit_metadata.json`; the same bytes whenever the copy is rebuilt.

        For this, `threads` counts only the threads whose number would change the result, and `bytes_linked`
        the shards that the edit leaves as they are, even where the file system cannot link and copies them.
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
                "relative_error": self.difference.relative_error,
                "bytes_written": copy.bytes_written,
                "bytes_linked": copy.bytes_linked,
            },
        }


@dataclass
class Plan[Key]:
    """The copies to make, and why the others cannot be."""

    editions: dict[Key, Edition] = field(default_factory=dict)
    _problems: dict[str, list[str]] = field(default_factory=dict)
    _hints: dict[str, None] = field(default_factory=dict)

    def refuse(self, part: Part, fault: Fault) -> None:
        """Note that a part cannot be made."""
        self._problems.setdefault(str(fault), []).append(part.name)
        self._hints[fault.hint] = None

    def require_all(self) -> None:
        """Fail where a part was refused.

        Raises:
            Fault: `bad_edit` that lists every part that cannot be made, and each reason once.
        """
        if self._problems:
            listed = "\n".join(f"{', '.join(names)}: {problem}" for problem, names in self._problems.items())
            raise Fault("bad_edit", listed, "\n".join(filter(None, self._hints)))


def plan[Key](source: Checkpoint, parts: Mapping[Key, Part], device: torch.device) -> Plan[Key]:
    """Find the matrices that each part edits, before anything is written."""
    planned = Plan[Key]()
    by_matrix: dict[str, list[Edit]] = defaultdict(list)
    for key, part in parts.items():
        try:
            planned.editions[key] = _edition(source, part, device, by_matrix)
        except Fault as fault:
            planned.refuse(part, fault)
    return planned


def why_not(source: Checkpoint, parts: Sequence[Part]) -> Fault | None:
    """Why some of these parts cannot be made, as far as names and shapes tell; None if all can."""
    try:
        plan(source, dict(enumerate(parts)), torch.device("cpu")).require_all()
    except Fault as fault:
        return fault
    return None


def _edition(
    source: Checkpoint, part: Part, device: torch.device, by_matrix: dict[str, list[Edit]]
) -> Edition:
    edit = parse_edit(part.spec)
    chosen = in_scope(matrices(source, part.spec.get("matrices")), str(part.spec.get("scope")))
    if not chosen:
        raise Fault("bad_edit", f"no matrix of {source.path} is in scope '{part.spec['scope']}'")
    if isinstance(edit, ZeroBlocks):
        chosen = edit.struck(chosen)
    require_floats(source, chosen)
    require_effect(edit, chosen)
    for matrix in chosen:
        by_matrix[matrix.name].append(edit)
    return Edition(edit, part.spec, by_piece(chosen), device, by_matrix)


def require_effect(edit: Edit, chosen: Sequence[Matrix]) -> None:
    """Refuse an edit of which the sizes alone tell that it changes nothing.

    Raises:
        Fault: `bad_edit` for a rank that no matrix has more of.
    """
    if isinstance(edit, LowrankSvd):
        largest = max(min(matrix.shape) for matrix in chosen)
        if edit.rank >= largest:
            raise Fault(
                "bad_edit",
                f"changes nothing: rank {edit.rank}, and no matrix in its scope has more than {largest}",
                f"Give it a rank below {largest}.",
            )
