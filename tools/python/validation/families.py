"""Which tensors of a checkpoint are editable matrices: name patterns an architecture.

An edit works on *logical* matrices, `[out, in]`: a stored matrix, or a slice of a stored tensor that holds
several (the experts of a fused 3-D tensor, gate above up). Embeddings, the LM head, norms and routers match
no rule and are never edited. Another family is a row of `FAMILIES`; the order of its rules is the order of
the matrices in a block, which is what "first matrix" means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from validation.checkpoint import Checkpoint, Stored
from validation.job import Fault

Group = Literal["attn", "ffn"]
Scope = Literal["attn", "ffn", "all"]
SCOPES: tuple[Scope, ...] = ("ffn", "attn", "all")


@dataclass(frozen=True)
class Rule:
    """Names that match are matrices of `group`.

    `name` is matched after the block's prefix; a group `expert` in it numbers experts. `experts` says that
    the tensor is `[experts, out, in]`; `rows` names the equal parts that lie above each other along `out`.
    """

    group: Group
    name: str
    experts: bool = False
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """A layout of names; `block` is the prefix of a transformer block's tensors, with its number."""

    block: str
    rules: tuple[Rule, ...]


_BLOCK = r"(?:model\.)?layers\.(?P<block>\d+)\."
_ATTENTION = tuple(Rule("attn", rf"self_attn\.{name}_proj\.weight") for name in "qkvo")

LLAMA = Family(
    _BLOCK, (*_ATTENTION, *(Rule("ffn", rf"mlp\.{name}_proj\.weight") for name in ("gate", "up", "down")))
)
MIXTRAL = Family(
    _BLOCK,
    (
        *_ATTENTION,
        # as on the hub, and as transformers saves it: w1 is the gate, w3 up, w2 down
        *(
            Rule("ffn", rf"block_sparse_moe\.experts\.(?P<expert>\d+)\.{name}\.weight")
            for name in ("w1", "w3", "w2")
        ),
        # as transformers holds it: experts fused
        Rule("ffn", r"mlp\.experts\.gate_up_proj", experts=True, rows=("gate", "up")),
        Rule("ffn", r"mlp\.experts\.down_proj", experts=True),
    ),
)

#: By `model_type` of config.json.
FAMILIES: dict[str, Family] = {"llama": LLAMA, "mistral": LLAMA, "mixtral": MIXTRAL}


@dataclass(frozen=True)
class Matrix:
    """One logical matrix: where it lies in its tensor, and its place in the model."""

    tensor: str
    label: str
    group: Group
    block: int
    order: tuple[int, int, int]
    shape: tuple[int, int]
    expert: int | None = None
    rows: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The tensor's name, with what distinguishes the matrix where the tensor holds several."""
        return self.tensor + self.label

    @property
    def parameters(self) -> int:
        """Number of elements."""
        return self.shape[0] * self.shape[1]

    def of(self, tensor: torch.Tensor) -> torch.Tensor:
        """The matrix `[out, in]` as a view into its tensor."""
        view = tensor if self.expert is None else tensor[self.expert]
        return view if self.rows is None else view[self.rows[0] : self.rows[1]]


def matrices(checkpoint: Checkpoint) -> list[Matrix]:
    """All editable matrices, in the order of blocks, then of the family's rules, then of experts.

    Raises:
        Fault: `bad_edit` for an architecture that is not in `FAMILIES`, or a checkpoint that does not fit it.
    """
    architecture = str(checkpoint.config.get("model_type"))
    family = FAMILIES.get(architecture)
    if family is None:
        raise Fault(
            "bad_edit",
            f"{checkpoint.path}: architecture '{architecture}' has no table of matrices; "
            f"known are {', '.join(sorted(FAMILIES))}. Its matrices: {_found(checkpoint)}",
            "Add a row for it to FAMILIES in tools/python/validation/families.py.",
        )
    rules = [(number, rule, re.compile(family.block + rule.name)) for number, rule in enumerate(family.rules)]
    found: list[Matrix] = []
    for stored in checkpoint.tensors.values():
        for number, rule, pattern in rules:
            if match := pattern.fullmatch(stored.name):
                found.extend(_split(stored, rule, number, match.groupdict()))
    if not found:
        raise Fault(
            "bad_edit",
            f"{checkpoint.path}: no tensor has a name of the '{architecture}' table. "
            f"Its matrices: {_found(checkpoint)}",
        )
    return sorted(found, key=lambda matrix: (matrix.block, matrix.order))


def in_scope(found: list[Matrix], scope: str) -> list[Matrix]:
    """The matrices of a scope (`bad_edit` for an unknown one)."""
    if scope not in SCOPES:
        raise Fault("bad_edit", f"scope '{scope}' is none of {', '.join(SCOPES)}")
    return [matrix for matrix in found if scope in ("all", matrix.group)]


def _split(stored: Stored, rule: Rule, number: int, names: Mapping[str, str | None]) -> list[Matrix]:
    dimensions = 3 if rule.experts else 2
    parts = rule.rows or ("",)
    if len(stored.shape) != dimensions or stored.shape[-2] % len(parts):
        raise Fault("bad_edit", f"{stored.name}: shape {list(stored.shape)} does not fit its architecture")
    block, expert = int(names["block"] or 0), int(names.get("expert") or 0)
    height, width = stored.shape[-2] // len(parts), stored.shape[-1]
    result = []
    for index in range(stored.shape[0]) if rule.experts else (None,):
        for position, part in enumerate(parts):
            label = ("" if index is None else f"[{index}]") + (f".{part}" if part else "")
            result.append(
                Matrix(
                    tensor=stored.name,
                    label=label,
                    group=rule.group,
                    block=block,
                    order=(number, expert if index is None else index, position),
                    shape=(height, width),
                    expert=index,
                    rows=(position * height, (position + 1) * height) if part else None,
                )
            )
    return result


def _found(checkpoint: Checkpoint) -> str:
    names = {
        re.sub(r"\d+", "N", stored.name) for stored in checkpoint.tensors.values() if len(stored.shape) > 1
    }
    return ", ".join(sorted(names)) or "none"
