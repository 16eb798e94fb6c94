"""The layout of a baseline's tensors in shards of limited size: MLP, attention and the rest apart.

An edit of the MLP, or an error in one tensor, then leaves whole shards unchanged, and those are hard-linked
from the baseline instead of written again. Words that tensor names have in every architecture decide the
group, not the tables of `families`: a tensor in the wrong group costs a copy, never a wrong edit, and a new
family rebuilds no baseline.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

LayoutGroup = Literal["attention", "mlp", "rest"]
#: Order of the groups in the numbers of the shards.
GROUPS: tuple[LayoutGroup, ...] = ("rest", "attention", "mlp")
#: Bytes of a shard; a larger tensor has one of its own.
SHARD_BYTES = 4 << 30

_ATTENTION = re.compile(r"(^|[._])(self_?attn|attn|self_?attention|attention|mixer)([._]|$)", re.IGNORECASE)
_MLP = re.compile(
    r"(^|[._])(mlp|ffn|feed_?forward|moe|block_sparse_moe|experts?|fc\d?|fc_(in|out)|intermediate)([._]|$)",
    re.IGNORECASE,
)

Tensor = tuple[str, torch.dtype, tuple[int, ...]]


def group_of(name: str, shape: Sequence[int]) -> LayoutGroup:
    """The group of a tensor; vectors (norms, biases) and tensors outside numbered blocks are the rest."""
    if len(shape) < 2 or not re.search(r"\.\d+\.", name):
        return "rest"
    if _ATTENTION.search(name):
        return "attention"
    return "mlp" if _MLP.search(name) else "rest"


@dataclass(frozen=True)
class ShardPlan:
    """A shard to write: its file name, and its tensors in their order."""

    file: str
    tensors: tuple[Tensor, ...]


def plan_shards(tensors: Iterable[Tensor], limit: int | None = None) -> list[ShardPlan]:
    """Divide tensors into shards of at most `limit` bytes (default `SHARD_BYTES`), each of one group.

    Within a group the tensors keep their order, and a shard is full when the next would not fit.
    """
    most = SHARD_BYTES if limit is None else limit
    groups: dict[LayoutGroup, list[list[Tensor]]] = {group: [] for group in GROUPS}
    room: dict[LayoutGroup, int] = dict.fromkeys(GROUPS, 0)
    for name, dtype, shape in tensors:
        group, size = group_of(name, shape), math.prod(shape) * dtype.itemsize
        if not groups[group] or size > room[group]:
            groups[group].append([])
            room[group] = most
        groups[group][-1].append((name, dtype, shape))
        room[group] -= size
    shards = [shard for group in GROUPS for shard in groups[group]]
    if len(shards) == 1:
        return [ShardPlan("model.safetensors", tuple(shards[0]))]
    return [
        ShardPlan(f"model-{at:05d}-of-{len(shards):05d}.safetensors", tuple(shard))
        for at, shard in enumerate(shards, start=1)
    ]
