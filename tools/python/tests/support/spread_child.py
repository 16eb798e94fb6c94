"""A process of its own for InvarLock over two simulated GPUs: a calibration on the CPU, and one over both.

Run as `python spread_child.py <root>`; prints one JSON object: exit codes, copies between devices, and what
an operation on tensors of two GPUs said.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import simulated_gpus
import torch
from invarlock_child import WORDS, cell, file_read, make_entry
from invarlock_rig import spec_of, write_corpus


def run_all(root: Path) -> dict[str, Any]:
    """The same calibration twice."""
    generator = random.Random(7)
    corpus = write_corpus(
        root / "heldout.jsonl", [" ".join(generator.choices(WORDS, k=140)) for _ in range(400)]
    )
    reads = {"baseline": make_entry(root, "baseline", layers=3), "corpus": file_read(corpus)}
    spec = spec_of(attention="eager")  # one whose operations are the same on both
    ends = {"calibrate-cpu": cell(root, "calibrate-cpu", reads, spec)}
    with simulated_gpus.simulated(2):
        ends["calibrate-two"] = cell(root, "calibrate-two", reads, spec, gpus=2)
        try:
            torch.cat([torch.ones(2, device="cuda:0"), torch.ones(2, device="cuda:1")])
            mixed = "allowed"
        except RuntimeError as error:
            mixed = str(error)
    return {"ends": ends, "copies": simulated_gpus.copies, "mixed": mixed}


if __name__ == "__main__":
    print(json.dumps(run_all(Path(sys.argv[1]))))
