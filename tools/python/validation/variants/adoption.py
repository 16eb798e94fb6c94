"""An adopted checkpoint in the store: its tokenizer, and how its weights differ from the baseline's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch

from validation.edits.base import row_chunks
from validation.formats.table import OTHER_FILES
from validation.job import Fault, emit
from validation.variants.comparable import Side
from validation.variants.difference import Difference, strict
from validation.variants.likeness import Likeness, likeness, sentence
from validation.variants.publish import rounded
from validation.weights.built import Built
from validation.weights.checkpoint import INDEX, OWN_FILES, Checkpoint
from validation.weights.listing import listed
from validation.weights.store import Entry

#: Of a model's small files, those that are no tokenizer's.
_NO_TOKENIZER = OWN_FILES | {
    "config.json",
    "generation_config.json",
    "model_profile.json",
    INDEX,
    *OTHER_FILES,
}
_TOKENIZER = frozenset({".json", ".model", ".txt", ".jinja", ".tiktoken"})


def take_tokenizer(baseline: Path, entry: Entry) -> None:
    """Put the baseline's tokenizer in the place of the checkpoint's own.

    They give the same tokens (comparable.py); InvarLock refuses to compare models whose tokenizers differ in
    anything, even in the name of their class or a token that no text has.
    """
    for path in _tokenizer_files(entry.draft):
        path.unlink()
    for path in _tokenizer_files(baseline):
        entry.link(path)


def _tokenizer_files(directory: Path) -> list[Path]:
    return sorted(
        path
        for path in directory.iterdir()
        if path.is_file() and path.suffix in _TOKENIZER and path.name not in _NO_TOKENIZER
    )


class Readable(Protocol):
    """A checkpoint whose tensors can be read by name: of the store, or a quantized one as its numbers."""

    @property
    def described(self) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
        """Type and shape of all tensors by name."""

    def read(self, name: str) -> torch.Tensor:
        """One tensor."""


def told_apart(side: Side, baseline: Checkpoint, built: Built, copy: Readable) -> dict[str, Any]:
    """How the weights of a checkpoint differ from the baseline's: the content of `edit_metadata.json`.

    Raises:
        Fault: `bad_edit` when every number is the baseline's.
    """
    rows: list[dict[str, Any]] = []
    found: list[Likeness] = []
    matrices, changed, total = Difference(), 0, 0
    pairs = list(_pairs(side.built, baseline, built, copy))
    for number, (mine, theirs) in enumerate(pairs, start=1):
        before, after = (_flat(each) for each in (baseline.read(mine), copy.read(theirs)))
        differ, broken = _counts(before, after)
        total += before.numel()
        changed += differ
        like = likeness(before, after)
        shape = copy.described[theirs][1]
        if differ:
            found.append(like)
        sums = matrices if differ and len(shape) > 1 else Difference()
        rows.append(
            {
                "tensor": theirs,
                "shape": list(shape),
                "parameters": before.numel(),
                **{name: strict(value) for name, value in sums.add(before, after).items()},
                "changed": rounded(differ / max(1, before.numel())),
                **({"non_finite": broken} if broken else {}),
                **like.facts(),
            }
        )
        emit("progress", message="comparing with the baseline", done=number, total=len(pairs))
    if not changed:
        raise Fault(
            "bad_edit",
            "every weight of the checkpoint is the baseline's: there is nothing to judge",
            "Name the edited checkpoint; or are its changes smaller than bf16 can hold?",
        )
    edited = [row for row in rows if row["changed"]]
    left = sorted(set(copy.described) - {theirs for _, theirs in pairs})
    return {
        "schema": 1,
        "looks_like": sentence(found),
        "tensors": rows,
        **({"not_compared": listed(left)} if left else {}),
        "totals": {
            "tensors": len(edited),
            "matrices": sum(1 for row in edited if len(row["shape"]) > 1),
            "parameters_edited": sum(row["parameters"] for row in edited),
            "parameters": total,
            "coverage": rounded(sum(row["parameters"] for row in edited) / max(1, total)),
            "changed": rounded(changed / max(1, total)),
            "relative_error": strict(matrices.relative_error),
        },
    }


def _flat(values: torch.Tensor) -> torch.Tensor:
    """A matrix: a vector as one row, experts one below the other."""
    return values.reshape(-1, values.shape[-1] if values.ndim else 1)


def _counts(before: torch.Tensor, after: torch.Tensor) -> tuple[int, int]:
    """How many numbers differ, and how many are not finite afterwards."""
    differ = broken = 0
    for rows in row_chunks(before):
        differ += int((before[rows] != after[rows]).sum())
        broken += int((~torch.isfinite(after[rows])).sum())
    return differ, broken


def _pairs(mine: Built, baseline: Checkpoint, theirs: Built, copy: Readable) -> Iterator[tuple[str, str]]:
    """Tensors that are the same in both: by name, else by the model's tensor that each alone becomes."""
    alone = [
        {target: name for name, target in built.targets.items() if count[target] == 1}
        for built in (mine, theirs)
        for count in [Counter(built.targets.values())]
    ]
    others = {name: alone[0].get(target) for target, name in alone[1].items()}
    for name, (_, shape) in copy.described.items():
        like = name if name in baseline.tensors else others.get(name)
        if like is not None and baseline.tensors[like].shape == shape:
            yield like, name
