"""Editable matrices that a suite declares itself, for an architecture without a row in `FAMILIES`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from validation.job import Fault
from validation.weights.checkpoint import Checkpoint
from validation.weights.families import Family, Parts, Rule
from validation.weights.layout import group_of

_BLOCK, _EXPERT = re.escape("{block}"), re.escape("{expert}")
#: How many names a suggestion shows of each group.
_SHOWN = 12


def declared_family(spec: Mapping[str, Any]) -> Family:
    """The family of `matrices` as suite.yaml's generator writes it (tools/suite/model/matrices.ts).

    Raises:
        Fault: `bad_edit` when it has another form.
    """
    try:
        rules = [
            _rule(group, row)
            for group, key in (("attn", "attn"), ("ffn", "ffn"))
            for row in spec.get(key, ())
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise Fault("bad_edit", f"matrices: not a declaration ({type(error).__name__}: {error})") from error
    return Family("", tuple(rules))


def _rule(group: Any, row: Mapping[str, Any]) -> Rule:
    name = re.escape(str(row["tensor"]))
    pattern = name.replace(_BLOCK, r"(?P<block>\d+)").replace(_EXPERT, r"(?P<expert>\d+)")
    parts = Parts(tuple((str(part), int(share)) for part, share in row["parts"]), int(row["groups"]))
    return Rule(
        group,
        pattern,
        (lambda _: parts) if parts.shares else None,
        experts=row["experts"] is True,
        transposed=row["transposed"] is True,
    )


def undeclared(checkpoint: Checkpoint, problem: str) -> Fault:
    """The fault for unknown matrices: it lists those of the checkpoint and shows how to declare them."""
    groups: dict[str, set[str]] = {"attention": set(), "mlp": set(), "rest": set()}
    for stored in checkpoint.tensors.values():
        if len(stored.shape) > 1:
            groups[group_of(stored.name, stored.shape)].add(_template(stored.name))
    listed = sorted(name for names in groups.values() for name in names)
    example = "".join(
        f"\n    {key}: [{', '.join(repr(name) for name in usable)}]"
        for key, group in (("attn", "attention"), ("ffn", "mlp"))
        if (usable := [name for name in sorted(groups[group]) if "{block}" in name][:_SHOWN])
    )
    return Fault(
        "bad_edit",
        f"{checkpoint.path}: {problem}. Its matrices: {', '.join(listed) or 'none'}",
        'Declare those to edit with its model in suite.yaml (docs/suite.md, "matrices"): no routers, norms, '
        "embeddings; say where a tensor is transposed, fused or holds experts"
        + (f". To begin with:\n  matrices:{example}" if example else "."),
    )


def _template(name: str) -> str:
    """The name with {block} and {expert} in place of its first numbers, and N in place of others."""
    words = iter(("{block}", "{expert}"))
    return re.sub(r"(?<=\.)\d+(?=\.)", lambda _: next(words, "N"), name)
