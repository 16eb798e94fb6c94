"""What becomes of a quantized checkpoint, as its edit says: its numbers in bf16, or its files as they are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from validation.formats.table import Recognised, recognise
from validation.job import Fault
from validation.sources.intake import require_model
from validation.sources.profile import NAME as PROFILE
from validation.weights.checkpoint import INDEX, OWN_FILES, read_json, shard_names
from validation.weights.store import Entry

As = Literal["dequantized", "quantized"]
_KEPT = frozenset({".json", ".model", ".txt", ".jinja", ".tiktoken"})


def asked(path: Path, spec: Mapping[str, Any]) -> Recognised | None:
    """The format of a checkpoint that its edit says what to do with; None for an unquantized one.

    Args:
        path: the checkpoint.
        spec: of its edit: `as`, and the `format` that its evaluations are prepared for.

    Raises:
        Fault: `bad_edit` where the edit and the files do not fit each other, or the format allows nothing
            of what is asked; `bad_input` for what is no model.
    """
    require_model(path)
    how = spec.get("as")
    found = recognise(read_json(path / "config.json"))
    if found is None:
        if how is not None:
            raise Fault(
                "bad_edit",
                f"{path}: as: {how}, and its config.json names no format of quantized weights",
                "Leave out as: for a checkpoint in floating point.",
            )
        return None
    where = f"{path}: quantized with {found.called}"
    if how is None:
        raise Fault("bad_edit", f"{where}, and the edit does not say as what to take it", choices(found))
    if how == "quantized":
        if found.format.package is None:
            raise Fault(
                "bad_edit",
                f"{where}, which is not evaluated as it is: {found.format.not_run}",
                choices(found),
            )
        if spec.get("format") != found.format.name:
            raise Fault(
                "bad_edit",
                f"{where}, and its evaluations are prepared for {spec.get('format')}",
                f"Write format: {found.format.name} beside as: quantized, then run nx g again.",
            )
    return found


def choices(found: Recognised) -> str:
    """What can be written for a format."""
    can = []
    if found.format.layout is not None:
        can.append("as: dequantized (its numbers in bf16: evaluated and certified)")
    if found.format.package is not None:
        can.append(
            f"as: quantized, format: {found.format.name} (evaluated as it is by {found.format.package}; "
            "not certified)"
        )
    if not can:
        return f"Dequantise it with its own program: {found.format.not_read}, and {found.format.not_run}."
    return f"Write {' or '.join(can)}."


def keep(source: Path, entry: Entry, trusted: bool) -> None:
    """Copy a checkpoint into an entry's draft as it is: weights, configuration, tokenizer.

    Raises:
        Fault: `bad_input` without safetensors.
    """
    weights = {*shard_names(source), INDEX}
    for path in sorted(source.iterdir()):
        small = path.suffix in _KEPT or (trusted and path.suffix == ".py")
        own = path.name in OWN_FILES or path.name == PROFILE or path.name.endswith(".index.json")
        if path.is_file() and (path.name in weights or (small and not own)):
            shutil.copyfile(path, entry.draft / path.name)
