"""One small cell of every kind, each on what the ones before left."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from invarlock_rig import SPEC
from repository import SMOKE

_FACTS = {
    "type": "facts",
    "architecture": "llama",
    "seed": 1,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_layers": 2,
    "num_heads": 2,
    "steps": 20,
    "batch_size": 8,
    "learning_rate": 0.005,
}
_BENCHMARK = {"name": "winogrande", "task": "smoke_winogrande", "fewshot": 0}

#: In an order in which each can run.
KINDS = ("setup", "edit", "inject", "calibrate", "preset", "baseline", "certify", "guards", "eval")
_WEIGHTS = {"setup": "baseline", "edit": "edited", "inject": "broken"}


def job_file(root: Path, kind: str, made: Path) -> Path:
    """Write the job file of a cell below `root`; its inputs are what cells below `made` left."""
    directories = {name: root / kind / name for name in ("work", "logs", "out")}
    store = root / "store"
    for directory in (*directories.values(), store):
        directory.mkdir(parents=True, exist_ok=True)
    job = {
        "schema": 1,
        "cell": f"suite.model.variant:{kind}",
        "kind": kind,
        "model": "tiny",
        "size_class": "tiny",
        "device": {"type": "cpu", "class": "cpu", "gpus": 0, "threads": 1},
        "work": str(directories["work"]),
        "logs": str(directories["logs"]),
        "reads": _reads(kind, made),
        "parts": [
            {
                "name": kind,
                "spec": _spec(kind),
                "out": str(directories["out"]),
                "store": {"root": str(store), "recipe": _recipe(kind)} if kind in _WEIGHTS else None,
            }
        ],
    }
    path = root / kind / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    return path


def _spec(kind: str) -> dict[str, Any]:
    match kind:
        case "setup":
            return {"source": _FACTS, "trust_remote_code": False}
        case "edit":
            return {"type": "quant_rtn", "bits": 4, "group_size": 16, "scope": "all"}
        case "inject":
            return {"error": "scale_explosion"}
        case "eval":
            strict = {"determinism": "strict", "torch_compile": False, "attention": "auto"}
            return {"benchmarks": [_BENCHMARK], "batch_size": 16, "seed": 1234, **strict}
        case _:
            slices = {"index": 0 if kind in ("calibrate", "preset") else 1, "count": 2}
            return {"run": 1, "runs": 1, "invarlock": SPEC, "window_slice": slices}


def _reads(kind: str, made: Path) -> dict[str, Any]:
    if kind == "setup":
        return {}
    if kind == "preset":
        return {"calibration-1": _file(made / "calibrate" / "out" / "extract.json")}
    baseline = {"baseline": _weights(made, "setup")}
    corpus = {"corpus": _file(SMOKE / "data" / "heldout.jsonl")}
    preset = {"preset": _file(made / "preset" / "out" / "preset.yaml")}
    match kind:
        case "edit" | "inject":
            return baseline
        case "calibrate":
            return {**baseline, **corpus}
        case "baseline":
            return {**baseline, **corpus, **preset}
        case "certify":
            report = {"baseline-report": _file(made / "baseline" / "out" / "report.json")}
            return {**baseline, **corpus, **preset, **report, "subject": _weights(made, "edit")}
        case "guards":
            return {**baseline, **corpus, **preset, "subject": _weights(made, "edit")}
        case _:
            return {"subject": _weights(made, "edit"), "tasks": _file(SMOKE / "tasks")}


def _recipe(kind: str) -> str:
    return hashlib.sha256(kind.encode()).hexdigest()


def _weights(made: Path, kind: str) -> dict[str, Any]:
    manifest = made / kind / "out" / "manifest.json"
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    return {"path": str(made / "store" / _recipe(kind)), "manifest": str(manifest), "sha256": digest}


def _file(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "0" * 64
    return {"path": str(path), "manifest": None, "sha256": digest}
