"""A process of its own for the real InvarLock 0.12: a tiny model's baseline report, then subjects against it.

Run as `python certify012_child.py <root>` where that InvarLock is installed; prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from invarlock_child import cell, file_read, make_corpus, make_entry
from invarlock_rig import settings_of, spec_of

from validation.invarlock.config import run_document

#: Not the tier's: a report says whether it took effect.
EPSILON = {"ffn": 0.02, "attn": 0.02, "embed": 0.02, "other": 0.02}
OWN = {"version": "0.12.1", "windows": {"preview": 240, "final": 240}}


def run_all(root: Path) -> dict[str, Any]:
    """What InvarLock says of a loud and of a broken subject; a report of other windows, and no InvarLock."""
    document = run_document(settings_of())
    preset = {**document, "guards": {**document["guards"], "rmt": {"epsilon_by_family": EPSILON}}}
    (root / "preset.yaml").write_text(yaml.safe_dump(preset), encoding="utf-8")
    reads: dict[str, Any] = {
        "baseline": make_entry(root, "baseline"),
        "corpus": make_corpus(root),
        "preset": file_read(root / "preset.yaml"),
    }
    spec = {**spec_of(), **OWN}
    found: dict[str, Any] = {"baseline": cell(root, "certify012-baseline", reads, spec)}
    reads["baseline-report"] = file_read(root / "certify012-baseline" / "out" / "report.json")
    for name, error in (("loud", "loud"), ("nan", "nan")):
        subject = make_entry(root, f"error_{name}", error=error)
        end = cell(root, f"certify012-{name}", {**reads, "subject": subject}, spec)
        found[name] = end or json.loads(_out(root, name, "outcome.json").read_text(encoding="utf-8"))
    report = json.loads(_out(root, "loud", "evaluation.report.json").read_text(encoding="utf-8"))
    found["ratio"] = report["primary_metric"]["ratio_vs_baseline"]
    found["report of nan"] = _out(root, "nan", "evaluation.report.json").exists()
    same = {**reads, "subject": reads["baseline"]}
    found["foreign"] = cell(root, "certify012-foreign", same, {**spec, "run": 2})
    found["version"] = cell(root, "certify012-version", same, {**spec, "version": "0.12.9"})
    return found


def _out(root: Path, name: str, file: str) -> Path:
    return root / f"certify012-{name}" / "out" / file


if __name__ == "__main__":
    print(json.dumps(run_all(Path(sys.argv[1]))))
