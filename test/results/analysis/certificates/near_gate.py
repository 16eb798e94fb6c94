"""Makes real certificates just below and just above InvarLock's gate, from a finished run of the smoke suite.

    PYTHONPATH=tools/python .venv/bin/python test/results/analysis/certificates/near_gate.py [workspace of the run]

The subject lies between the baseline and its SVD of rank 32, at a share that is searched until the perplexity
ratio is within .004 of 1.202 on either side; what InvarLock then says is kept, reduced to what is read of it.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file
from validation.cells import certify
from validation.job import load_job

GATE = 1.2 + 0.002
NEAR = 0.004
HERE = Path(__file__).parent
KEYS = {
    "auto": None,
    "confidence": None,
    "edit": ["plan_digest"],
    "primary_metric": None,
    "resolved_policy": ["metrics"],
    "rmt": ["evaluated", "families", "stable"],
    "spectral": ["caps_applied", "evaluated", "max_caps", "summary"],
    "structure": ["params_changed"],
    "validation": None,
}


def tensors(model: Path) -> dict[str, object]:
    """All tensors of a checkpoint."""
    return {
        name: value for file in sorted(model.glob("*.safetensors")) for name, value in load_file(file).items()
    }


def certificate(job_file: dict[str, object], subject: Path, scratch: Path) -> dict[str, object]:
    """InvarLock's certificate of a subject, on the windows of the job."""
    work = Path(tempfile.mkdtemp(dir=scratch))
    job_file["work"], job_file["logs"] = str(work / "work"), str(work / "logs")
    job_file["parts"][0]["out"] = str(work / "out")
    for name in ("work", "logs", "out"):
        (work / name).mkdir()
    (work / "job.json").write_text(json.dumps(job_file))
    job = load_job(work / "job.json")
    original = certify.open_entry
    # The subject is of no cell, so there is no manifest to hold it against.
    certify.open_entry = lambda read: subject if read.path != job.read("baseline").path else original(read)
    try:
        certify.run(job)
    finally:
        certify.open_entry = original
    return json.loads((work / "out" / "evaluation.cert.json").read_text())


def reduced(full: dict[str, object]) -> dict[str, object]:
    """What the analysis reads of it."""
    return {
        key: full[key] if inner is None else {name: full[key][name] for name in inner if name in full[key]}
        for key, inner in KEYS.items()
    }


def main(workspace: Path) -> None:
    """Search the share, from where an earlier search ended; keep the nearest certificate of either side."""
    logs = workspace / "output/smoke/logs/tiny-dense/svd_rank32_stress/certify-1"
    job_file = json.loads((sorted(logs.glob("attempt-*"))[-1] / "job.json").read_text())
    baseline = Path(job_file["reads"]["baseline"]["path"])
    before, after = tensors(baseline), tensors(Path(job_file["reads"]["subject"]["path"]))
    low, high, nearest = 0.48, 0.53, {}
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        while len(nearest) < 2:
            share = (low + high) / 2
            subject = scratch / f"subject-{share}"
            shutil.copytree(
                baseline, subject, ignore=shutil.ignore_patterns("*.safetensors*", "manifest.json")
            )
            mixed = {
                name: (value + share * (after[name].float() - value.float())).to(value.dtype).contiguous()
                for name, value in before.items()
            }
            save_file(mixed, subject / "model.safetensors", {"format": "pt"})
            found = certificate(job_file, subject, scratch)
            ratio = found["primary_metric"]["ratio_vs_baseline"]
            print(share, ratio, found["validation"]["primary_metric_acceptable"], file=sys.stderr)
            if abs(ratio - GATE) < NEAR:
                nearest["below" if ratio <= GATE else "above"] = reduced(found)
            low, high = (share, high) if ratio <= GATE else (low, share)
    for side, found in nearest.items():
        (HERE / "fixtures" / f"just-{side}.cert.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
