"""Cell `adopt`: puts an edited checkpoint that was made elsewhere, once compared, into the weights store."""

from __future__ import annotations

import torch

from validation.job import Job, emit, write_json
from validation.sources.convert import convert
from validation.sources.download import fetch, source_id
from validation.sources.intake import look
from validation.variants.adoption import take_tokenizer, told_apart
from validation.variants.comparable import Side, differences
from validation.variants.publish import publish
from validation.weights.checkpoint import open_checkpoint
from validation.weights.store import locked_entry, open_entry

METADATA = "edit_metadata.json"


def run(job: Job) -> None:
    """Fetch the checkpoint if the store lacks it, refuse what is no variant of the baseline, and publish it.

    Raises:
        Fault: as `fetch`, `convert` and `differences`; `bad_edit` for a checkpoint whose weights are the
            baseline's; `bad_input` for a part without a place in the store; `weights_missing` without a
            baseline.
    """
    torch.set_num_threads(max(1, job.device.threads))
    part = job.only
    source, trusted = part.spec["source"], part.spec.get("trust_remote_code") is True
    with locked_entry(part.place, rebuild=job.rebuild) as entry:
        if not entry.complete:
            baseline = open_checkpoint(open_entry(job.read("baseline")))
            found = fetch(source, trusted, job)
            side = Side.of_baseline(baseline, trusted)
            told = differences(side, Side(found, look(found, trusted).built, source_id(source)), trusted)
            for line in told:
                emit("progress", message=f"differs from the baseline: {line}")
            convert(found, entry, trusted)
            take_tokenizer(baseline.path, entry)
            metadata = told_apart(side, baseline, entry.draft, trusted)
            metadata |= {"edit_type": part.spec["type"], "source": source, "differences": told}
            emit("progress", message=f"looks like: {metadata['looks_like']}")
            write_json(entry.draft / METADATA, metadata)
            entry.commit(job.device.device_class)
        publish(entry, part, METADATA)
