"""The editable matrices of a checkpoint, by the table of its family or by the suite's own declaration."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any, Literal

from validation.job import Fault
from validation.weights.checkpoint import Checkpoint, Stored
from validation.weights.declared import declared_family, undeclared
from validation.weights.families import FAMILIES, Config, Rule, compiled
from validation.weights.matrix import Matrix, Piece, Rows
from validation.weights.sizes import Sizes

Scope = Literal["attn", "ffn", "all"]
SCOPES: tuple[Scope, ...] = ("ffn", "attn", "all")


def matrices(checkpoint: Checkpoint, declared: Mapping[str, Any] | None = None) -> list[Matrix]:
    """All editable matrices, in the order of blocks, then of the family's rules, then of experts and parts.

    Args:
        checkpoint: the model.
        declared: `matrices` of the suite, in place of the family's table.

    Raises:
        Fault: `bad_edit` for an architecture that has no table, or a checkpoint that does not fit its own.
    """
    architecture = str(checkpoint.config.get("model_type"))
    family = FAMILIES.get(architecture) if declared is None else declared_family(declared)
    if family is None:
        known = ", ".join(sorted(FAMILIES))
        problem = f"architecture '{architecture}' has no table of matrices; known are {known}"
        raise undeclared(checkpoint, problem, lambda spec: matrices(checkpoint, spec))
    what = f"the '{architecture}' table" if declared is None else "what the suite declares"
    rules, used, found, sizes = compiled(family), set[int](), list[Matrix](), Sizes(checkpoint.config)
    for stored in checkpoint.tensors.values():
        fits = [(at, rule, match) for at, rule, pattern in rules if (match := pattern.fullmatch(stored.name))]
        if len(fits) > 1:
            raise Fault("bad_edit", f"{stored.name}: matches more than one pattern of {what}")
        for at, rule, match in fits:
            used.add(at)
            found.extend(_split(stored, rule, at, match.groupdict(), sizes))
    if unused := [rule.name for at, rule, _ in rules if at not in used and declared is not None]:
        raise Fault("bad_edit", f"{checkpoint.path}: has no tensor that is declared as {', '.join(unused)}")
    if not found:
        problem = f"no tensor has a name of {what}"
        if declared is not None:
            raise Fault("bad_edit", f"{checkpoint.path}: {problem}")
        raise undeclared(checkpoint, problem, lambda spec: matrices(checkpoint, spec))
    return sorted(found, key=lambda matrix: (matrix.block, matrix.order))


def in_scope(found: list[Matrix], scope: str) -> list[Matrix]:
    """The matrices of a scope.

    Raises:
        Fault: `bad_edit` for an unknown scope.
    """
    if scope not in SCOPES:
        raise Fault("bad_edit", f"scope '{scope}' is none of {', '.join(SCOPES)}")
    return [matrix for matrix in found if scope in ("all", matrix.group)]


def _split(
    stored: Stored, rule: Rule, at: int, names: Mapping[str, str | None], config: Config
) -> list[Matrix]:
    if len(stored.shape) != (3 if rule.experts else 2) or not stored.parameters:
        raise Fault("bad_edit", f"{stored.name}: shape {list(stored.shape)} does not fit its architecture")
    block, expert = int(names["block"] or 0), int(names.get("expert") or 0)
    height, width = stored.shape[-2:]
    result = []
    for number in range(stored.shape[0]) if rule.experts else (None,):
        first = (number or 0) * height * width
        for position, (part, rows) in enumerate(_parts(stored, rule, config)):
            label = ("" if number is None else f"[{number}]") + (f".{part}" if part else "")
            piece = Piece(stored.name, first, (height, width))
            if rows is not None and rows.groups == 1 and not rule.transposed:
                # its rows lie together: a piece of their own
                begin, tall = rows.begin, rows.end - rows.begin
                piece, rows = Piece(stored.name, first + begin * width, (tall, width)), None
            inputs, outputs = piece.shape if rule.transposed else piece.shape[::-1]
            if rows is not None:
                outputs = rows.groups * (rows.end - rows.begin)
            result.append(
                Matrix(
                    tensor=stored.name,
                    label=label,
                    group=rule.group,
                    block=block,
                    order=(at, expert if number is None else number, position),
                    shape=(outputs, inputs),
                    piece=piece,
                    rows=rows,
                    transposed=rule.transposed,
                )
            )
    return result


def _parts(stored: Stored, rule: Rule, config: Config) -> list[tuple[str, Rows | None]]:
    """Names and rows of the matrices of a tensor (or of each of its experts)."""
    if rule.parts is None:
        return [("", None)]
    parts = rule.parts(config)
    shares = [share for _, share in parts.shares]
    outputs = stored.shape[-1 if rule.transposed else -2]
    unit, left = divmod(outputs, parts.groups * sum(shares)) if min(shares) > 0 else (0, 1)
    if left or not unit:
        raise Fault(
            "bad_edit",
            f"{stored.name}: shape {list(stored.shape)} does not divide into {parts.groups} times "
            + ", ".join(f"{share} {name}" for name, share in parts.shares),
        )
    ends = [unit * end for end in accumulate(shares)]
    return [
        (name, Rows(parts.groups, end - unit * share, end))
        for (name, share), end in zip(parts.shares, ends, strict=True)
    ]
