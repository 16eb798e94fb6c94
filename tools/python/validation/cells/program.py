"""Cell `program`: runs a program of the suite's own that edits the model, and takes in what it leaves."""

from __future__ import annotations

from pathlib import Path

import torch

from validation.cells.adopt import METADATA, take_in
from validation.job import Fault, Job, emit
from validation.sources.program import prepare, shown
from validation.variants.publish import publish
from validation.weights.store import locked_entry, open_entry

#: What messages call the checkpoint.
_WRITTEN = "what the program wrote"


def run(job: Job) -> None:
    """Run the program, refuse what it leaves where that is no variant of the baseline, and publish it.

    Raises:
        Fault: as `Program.run` and `take_in`; `bad_edit` also where it leaves no model that can be loaded.
    """
    torch.set_num_threads(max(1, job.device.threads))
    part = job.only
    emit("started")
    with locked_entry(part.place, rebuild=job.rebuild) as entry:
        if not entry.complete:
            baseline = open_entry(job.read("baseline"))
            program = prepare(part.spec, job)
            program.run(job, baseline)
            facts = {
                "edit_type": part.spec["type"],
                "command": part.spec["command"],
                "inputs": {
                    name: job.read(f"input-{number}").sha256
                    for number, name in enumerate(part.spec["inputs"], start=1)
                },
            }
            try:
                take_in(job, entry, program.output, _WRITTEN, facts)
            except Fault as fault:
                if fault.code not in ("bad_input", "bad_edit"):
                    raise
                raise _refusal(fault, program.output, program.command) from fault
        publish(entry, part, METADATA)


def _refusal(fault: Fault, output: Path, command: list[str]) -> Fault:
    """What is wrong with its output, without the path of an attempt that is gone by then."""
    said = str(fault).replace(str(output), "{output}")
    hint = (
        "It must leave a model with its tokenizer in {output}, as save_pretrained writes both, of the "
        "baseline's sizes."
    )
    return Fault("bad_edit", f"{shown(command)}: {said}", hint if fault.code == "bad_input" else fault.hint)
