"""Cell `edit`: edited copies of a baseline, all that are asked for in one pass over its tensors."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack

import torch

from validation.compute.fp4_native import require_native_fp4
from validation.job import Job, Part, Store, emit, write_json
from validation.variants.edition import IDLE, plan
from validation.variants.publish import compute_device, publish
from validation.weights.checkpoint import open_checkpoint
from validation.weights.rewrite import BESIDE_A_GPU, ONE_BY_ONE, Copy, rewrite
from validation.weights.store import Entry, locked_entry, open_entry

METADATA = "edit_metadata.json"


def run(job: Job) -> None:
    """Make the edits of the job that the store lacks, and publish the manifest and the metadata of all.

    Edits that cannot be made, or change nothing, are refused once the others are made.

    Raises:
        Fault: `bad_edit` for those, `bad_input` for a part without a place in the store, `misconfigured` as
            `require_native_fp4`, `weights_missing` without a baseline.
    """
    torch.set_num_threads(max(1, job.device.threads))
    require_native_fp4(job)
    by_store: dict[Store, list[Part]] = defaultdict(list)
    for part in job.parts:
        by_store[part.place].append(part)
    with ExitStack() as stack:
        pending: dict[Store, Entry] = {}
        for store in sorted(by_store, key=lambda store: (str(store.root), store.recipe)):
            entry = stack.enter_context(locked_entry(store, rebuild=job.rebuild))
            if entry.complete:
                for part in by_store[store]:
                    publish(entry, part, METADATA)
            else:
                pending[store] = entry
        if not pending:
            return
        emit("started")
        source = open_checkpoint(open_entry(job.read("baseline")))
        device = compute_device(job)
        planned = plan(source, {store: by_store[store][0] for store in pending}, device)
        copies = {
            store: Copy(pending[store], edition.by_piece, edition.change)
            for store, edition in planned.editions.items()
        }
        if copies:
            pipeline = BESIDE_A_GPU if device.type == "cuda" else ONE_BY_ONE
            rewrite(source, list(copies.values()), "editing tensors", pipeline)
        for store, edition in planned.editions.items():
            if edition.changes_nothing:
                planned.refuse(by_store[store][0], IDLE)
                continue
            entry = pending[store]
            metadata = edition.metadata(source, copies[store], job.device.device_class)
            write_json(entry.draft / METADATA, metadata)
            entry.commit(job.device.device_class)
            for part in by_store[store]:
                publish(entry, part, METADATA)
        planned.require_all()
