"""A process of its own for the real InvarLock: its guards, prepared on a tiny model, asked of subjects.

Run as `python guards_child.py <root>`; prints one JSON object: the exit code of each cell.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from invarlock_child import broken_guard, cell, file_read, make_corpus, make_entry
from invarlock_rig import spec_of


def run_all(root: Path) -> dict[str, int]:
    """Calibrate, make the preset, and ask about a copy, a matrix of rank one, a NaN; with a broken guard."""
    baseline = make_entry(root, "baseline")
    reads: dict[str, Any] = {"baseline": baseline, "corpus": make_corpus(root)}

    def spec(index: int) -> dict[str, Any]:
        return {**spec_of(), "window_slice": {"index": index, "count": 2}}

    made = {"calibrate-1": cell(root, "calibrate-1", reads, spec(0))}
    extract = file_read(root / "calibrate-1" / "out" / "extract.json")
    made["preset"] = cell(root, "preset", {"calibration-1": extract}, {**spec(0), "runs": 1})
    assert set(made.values()) == {0}, made
    reads["preset"] = file_read(root / "preset" / "out" / "preset.yaml")
    subjects = {
        "same": baseline,
        "flat": make_entry(root, "error_rank_collapse", error="flat"),
        "nan": make_entry(root, "error_nan_injection", error="nan"),
    }
    ends = {
        f"guards-{name}": cell(root, f"guards-{name}", {**reads, "subject": subject}, spec(1))
        for name, subject in subjects.items()
    }
    with broken_guard(after=0):
        ends["guards-crash"] = cell(root, "guards-crash", {**reads, "subject": baseline}, spec(1))
    return ends


if __name__ == "__main__":
    print(json.dumps(run_all(Path(sys.argv[1]))))
