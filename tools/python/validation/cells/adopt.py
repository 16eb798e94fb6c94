"""Cell `adopt`: puts an edited checkpoint that was made elsewhere, once compared, into the weights store.

A quantized one as its edit says: its numbers in bf16 (`as: dequantized`), or its files as they are
(`as: quantized`), which are compared and measured by their numbers all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from validation.formats.table import Recognised
from validation.job import Job, emit, write_json
from validation.sources.convert import convert
from validation.sources.dequantized import open_dequantized
from validation.sources.download import fetch, source_id
from validation.sources.intake import look
from validation.sources.quantized import asked, keep
from validation.sources.rounded import Rounded
from validation.variants.adoption import Readable, take_tokenizer, told_apart
from validation.variants.comparable import Side, differences
from validation.variants.publish import publish
from validation.weights.built import build
from validation.weights.checkpoint import open_checkpoint
from validation.weights.store import Entry, locked_entry, open_entry

METADATA = "edit_metadata.json"


def run(job: Job) -> None:
    """Fetch the checkpoint if the store lacks it, refuse what is no variant of the baseline, and publish it.

    Raises:
        Fault: as `fetch`, `asked`, `convert` and `differences`; `bad_edit` for a checkpoint whose weights
            are the baseline's; `bad_input` for a part without a place in the store; `weights_missing`
            without a baseline.
    """
    torch.set_num_threads(max(1, job.device.threads))
    part = job.only
    source, trusted = part.spec["source"], part.spec.get("trust_remote_code") is True
    with locked_entry(part.place, rebuild=job.rebuild) as entry:
        if not entry.complete:
            found = fetch(source, trusted, job)
            take_in(job, entry, found, source_id(source), {"edit_type": part.spec["type"], "source": source})
        publish(entry, part, METADATA)


def take_in(job: Job, entry: Entry, found: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Compare the checkpoint at `found` with the job's baseline, and make it the entry.

    Args:
        job: with the baseline among what it reads.
        entry: whose draft is filled and committed.
        found: a model directory as it comes (any dtype).
        name: what messages call the checkpoint.
        facts: what `edit_metadata.json` says beside how the weights differ.

    Raises:
        Fault: as `run`.
    """
    trusted = job.only.spec.get("trust_remote_code") is True
    baseline = open_checkpoint(open_entry(job.read("baseline")))
    side = Side.of_baseline(baseline, trusted)
    quantized = asked(found, job.only.spec)
    built = look(found, trusted, quantized).built
    told = differences(side, Side(found, built, name), trusted)
    for line in told:
        emit("progress", message=f"differs from the baseline: {line}")
    if quantized is not None and job.only.spec["as"] == "quantized":
        keep(found, entry, trusted)
        copy: Readable = Rounded(open_dequantized(found, quantized), built)
    else:
        convert(found, entry, trusted, quantized)
        copy = open_checkpoint(entry.draft)
        built = build(entry.draft, copy.described, trusted)
    take_tokenizer(baseline.path, entry)
    metadata = told_apart(side, baseline, built, copy) | dict(facts) | {"differences": told}
    metadata |= _format(quantized, job.only.spec)
    emit("progress", message=f"looks like: {metadata['looks_like']}")
    write_json(entry.draft / METADATA, metadata)
    entry.commit(job.device.device_class)


def _format(quantized: Recognised | None, spec: dict[str, Any]) -> dict[str, Any]:
    """Of a quantized checkpoint: its format, and as what it was taken."""
    if quantized is None:
        return {}
    return {"format": {"name": quantized.format.name, "called": quantized.called}, "as": spec["as"]}
