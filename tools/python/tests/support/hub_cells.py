"""Cells as processes of their own that have a hub, or had one: their job files, and what is in the store."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weights_rig import recipe


@dataclass
class Cells:
    """Runs cells below a directory; `made` are store entries by `<name of the run>-<part>`."""

    root: Path
    environment: dict[str, str]
    made: dict[str, dict[str, str]] = field(default_factory=dict)

    def run(
        self, kind: str, name: str, specs: Mapping[str, Any], reads: Mapping[str, str] | None = None
    ) -> Path:
        """Run a cell that ends well; returns where the results of its parts are."""
        out, done = self.attempt(kind, name, specs, reads)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        return out

    def attempt(
        self, kind: str, name: str, specs: Mapping[str, Any], reads: Mapping[str, str] | None = None
    ) -> tuple[Path, subprocess.CompletedProcess[str]]:
        """Run a cell to whatever end; `specs` is of its parts, `reads` says which entry an input is."""
        place = self.root / name
        for directory in ("work", "logs", *(f"out/{part}" for part in specs)):
            (place / directory).mkdir(parents=True)
        store = self.root / "store"
        store.mkdir(exist_ok=True)
        recipes = {part: recipe(f"{name}-{part}") for part in specs if kind in ("setup", "data")}
        job = {
            "schema": 1,
            "cell": f"suite.model.variant:{kind}",
            "kind": kind,
            "model": "model",
            "size_class": "tiny",
            "device": {"type": "cpu", "class": "cpu", "gpus": 0, "threads": 1},
            "work": str(place / "work"),
            "logs": str(place / "logs"),
            "reads": {role: self.made[entry] for role, entry in (reads or {}).items()},
            "parts": [
                {
                    "name": part,
                    "spec": spec,
                    "out": str(place / "out" / part),
                    "store": {"root": str(store), "recipe": recipes[part]} if part in recipes else None,
                }
                for part, spec in specs.items()
            ],
        }
        (place / "job.json").write_text(json.dumps(job))
        done = subprocess.run(
            [sys.executable, "-m", "validation", "--spec", str(place / "job.json")],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        for part, digest in recipes.items():
            manifest = place / "out" / part / "manifest.json"
            if manifest.is_file():
                sha256 = hashlib.sha256(manifest.read_bytes()).hexdigest()
                entry = {"path": str(store / digest), "manifest": str(manifest), "sha256": sha256}
                self.made[f"{name}-{part}"] = entry
        return place / "out", done
