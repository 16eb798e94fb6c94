"""The doctor's look at a model's directory: headers, configuration and tokenizer, as setup will see them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from validation.doctor.finding import Finding, finding
from validation.job import Fault, Part
from validation.sources.download import find
from validation.sources.intake import Intake, look
from validation.variants.edition import why_not
from validation.weights.checkpoint import NAMES, Checkpoint, Shard, Stored, read_json


def local_model(what: str, model: Mapping[str, Any], trusted: bool) -> Finding:
    """Whether the directory is a model, and whether the suite's edits can be made of it.

    Args:
        what: The subject of the line.
        model: Its `source`, and its `edits` with their specs.
        trusted: Whether its own code runs.
    """
    try:
        directory = find(str(model["source"]["path"]))
        seen = look(directory, trusted)
        checkpoint = checkpoint_of(directory, seen)
        wanted = [
            Part(str(each["name"]), dict(each["spec"]), directory, None) for each in model.get("edits", ())
        ]
        if (fault := why_not(checkpoint, wanted)) is not None:
            raise fault
    except Fault as fault:
        return finding("error", what, str(fault), fault.hint or "See docs/checkpoints.md.")
    kind, tensors = type(seen.built.model).__name__, len(seen.built.targets)
    return finding("ok", what, f"{directory}: {kind}, {tensors} tensors as transformers builds it")


def checkpoint_of(directory: Path, seen: Intake) -> Checkpoint:
    """What setup will write of a directory, as far as names and shapes tell."""
    stored = tuple(
        Stored(each.name, NAMES[each.dtype], each.shape, 0, 0)
        for each in seen.source.tensors
        if each.name in seen.built.targets
    )
    config = read_json(directory / "config.json")
    return Checkpoint(directory, config, (Shard(directory, b"", stored),))
