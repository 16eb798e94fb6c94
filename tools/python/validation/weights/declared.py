"""Editable matrices that a suite declares itself, for an architecture without a row in `FAMILIES`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from validation.job import Fault
from validation.weights.checkpoint import Checkpoint
from validation.weights.families import Family, Parts, Rule
from validation.weights.proposal import Spec, propose, template

_BLOCK, _EXPERT = re.escape("{block}"), re.escape("{expert}")


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


def undeclared(checkpoint: Checkpoint, problem: str, usable: Callable[[Spec], object]) -> Fault:
    """The fault for unknown matrices: it lists those of the checkpoint and shows how to declare them.

    Args:
        checkpoint: The model.
        problem: Why it is asked for.
        usable: Raises a fault for a declaration that does not fit the checkpoint.
    """
    templates = dict.fromkeys(
        template(each.name) for each in checkpoint.tensors.values() if len(each.shape) > 1
    )
    proposed = propose(checkpoint, usable)
    return Fault(
        "bad_edit",
        f"{checkpoint.path}: {problem}. Its matrices: {', '.join(templates) or 'none'}",
        'Declare those to edit with its model in suite.yaml (docs/suite.md, "matrices")'
        + (
            f"; this fits its files:\n{proposed}"
            if proposed
            else ": no routers, norms, embeddings; say where a tensor is transposed, fused or holds experts."
        ),
    )
