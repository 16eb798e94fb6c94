"""Cell `setup`: puts a model's baseline into the weights store: bf16 safetensors, tokenizer and profile."""

from __future__ import annotations

import shutil

import torch

from validation.job import Job, emit, write_json
from validation.sources.convert import convert
from validation.sources.download import fetch, source_id
from validation.sources.intake import look
from validation.sources.profile import NAME, active_bytes, make_profile
from validation.weights.checkpoint import open_checkpoint, read_json
from validation.weights.sizes import load_config, sizes_of
from validation.weights.store import MANIFEST, locked_entry


def run(job: Job) -> None:
    """Fetch or make the model if the store lacks it, and publish its manifest and profile.

    Raises:
        Fault: as `fetch`, `convert` and `make_profile`; `bad_input` for a part without a place in the store.
    """
    torch.set_num_threads(max(1, job.device.threads))
    part = job.only
    source, trusted = part.spec["source"], part.spec.get("trust_remote_code") is True
    emit("started")
    with locked_entry(part.place, rebuild=job.rebuild) as entry:
        if not entry.complete:
            fetched = fetch(source, trusted, job)
            weights_bytes = convert(fetched, entry, trusted)
            sizes = sizes_of(load_config(entry.draft, trusted))
            tensors = open_checkpoint(entry.draft).tensors
            active = active_bytes({name: stored.bytes for name, stored in tensors.items()}, sizes)
            profile = make_profile(source_id(source), weights_bytes, torch.bfloat16.itemsize, sizes, active)
            if source.get("type") == "hub":
                profile["revision"] = fetched.name  # a snapshot's directory is named by its commit
            write_json(entry.draft / NAME, profile)
            entry.commit(job.device.device_class)
            if source.get("type") == "facts":
                shutil.rmtree(fetched, ignore_errors=True)
        else:  # made by an earlier version, perhaps without this look
            look(entry.path, trusted)
        write_json(part.out / MANIFEST, entry.manifest)
        write_json(part.out / "profile.json", read_json(entry.path / NAME))
    emit("part", name=part.name)
