"""Cells as the executor runs them, with the hub's libraries and InvarLock as they are, on a hub.

b200's four benchmarks through Nx: test/e2e/b200-hub.test.ts.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub import Hub, serving
from invarlock_rig import SPEC
from weights_rig import recipe

from validation.job import EXIT_CODES

SHARDED, PICKLED = "mistralai/Mistral-7B-v0.1", "NousResearch/Llama-2-13b-hf"
_REVISION = 40
_NEVER_FETCHED = (".md", ".gitattributes")


class Workspace:
    """A hub, a cache of its libraries, a weights store, and jobs that run as processes."""

    def __init__(self, hub: Hub, root: Path) -> None:
        self.hub = hub
        self._root = root
        self._baselines: dict[str, dict[str, str]] = {}

    def run(self, kind: str, name: str, spec: dict[str, Any], **reads: str) -> Path:
        """Run a cell; `reads` says of which model an input is. Returns where its results are."""
        place, done = self.attempt(kind, name, spec, "home", **reads)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        return place / "out"

    def attempt(
        self, kind: str, name: str, spec: dict[str, Any], home: str, **reads: str
    ) -> tuple[Path, subprocess.CompletedProcess[str]]:
        """Run a cell to whatever end, with a cache of that name."""
        place = self._root / f"{kind}-{name}"
        for directory in ("work", "logs", "out"):
            (place / directory).mkdir(parents=True)
        store = (
            {"root": str(self._root / "store"), "recipe": recipe(name)} if kind in ("setup", "data") else None
        )
        job = {
            "schema": 1,
            "cell": f"suite.{name}.baseline:{kind}",
            "kind": kind,
            "model": name,
            "size_class": "tiny",
            "device": {"type": "cpu", "class": "cpu", "gpus": 0, "threads": 1},
            "work": str(place / "work"),
            "logs": str(place / "logs"),
            "reads": {role: self._baseline(model) for role, model in reads.items()},
            "parts": [{"name": kind, "spec": spec, "out": str(place / "out"), "store": store}],
        }
        (place / "job.json").write_text(json.dumps(job))
        done = subprocess.run(
            [sys.executable, "-m", "validation", "--spec", str(place / "job.json")],
            env=self.hub.environment(self._root / home),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        return place, done

    def _baseline(self, model: str) -> dict[str, str]:
        if model not in self._baselines:
            self.set_up(model)
        return self._baselines[model]

    def set_up(self, model: str) -> Path:
        """The entry of a hub model in the store."""
        name = model.split("/")[1].lower()
        spec = {"source": {"type": "hub", "id": model, "revision": "main"}}
        manifest = self.run("setup", name, spec) / "manifest.json"
        entry = self._root / "store" / recipe(name)
        digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
        self._baselines[model] = {"path": str(entry), "manifest": str(manifest), "sha256": digest}
        return entry


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with serving() as hub:
        yield Workspace(hub, tmp_path_factory.mktemp("with-a-hub"))


@pytest.mark.parametrize(("model", "suffix"), [(SHARDED, ".safetensors"), (PICKLED, ".bin")])
def test_a_model_comes_from_the_hub_whole(workspace: Workspace, model: str, suffix: str) -> None:
    # Once the hub is busy, once a transfer breaks off: both are the client's to mend.
    workspace.hub.rule(
        {"repo": model, "path": "/storage/.*-00002-of-", "breakAfter": 100_000, "times": 1},
        {"repo": model, "path": "resolve/.*/config.json", "status": 429, "retryAfter": 0, "times": 1},
    )
    entry = workspace.set_up(model)
    profile = json.loads((entry / "model_profile.json").read_text())
    assert profile["model_id"] == model
    assert len(profile["revision"]) == _REVISION
    fetched = {
        each["file"]: each["status"]
        for each in workspace.hub.requests(repo=model, method="GET")
        if each["path"].startswith("/storage/")
    }
    assert len(fetched) == 2 and all(name.endswith(suffix) for name in fetched)
    whole = [each.get("file", "") for each in workspace.hub.requests(repo=model, kind="models")]
    assert not [name for name in whole if name.endswith(_NEVER_FETCHED)]


ON_WIKITEXT = {
    "run": 2,
    "invarlock": {
        **SPEC,
        "dataset": {"provider": "wikitext2", "split": "validation"},
        **{"seq_len": 128, "stride": 128, "preview": 200, "final": 200},
    },
}


def test_windows_of_wikitext_calibrate(workspace: Workspace) -> None:
    out = workspace.run("calibrate", "mistral", ON_WIKITEXT, baseline=SHARDED)
    report = json.loads((out / "report.json").read_text())
    assert report["data"]["dataset"] == "wikitext2"
    assert (report["data"]["preview_n"], report["data"]["final_n"]) == (200, 200)
    assert json.loads((out / "extract.json").read_text())["primary_metric"]["final"] > 1
    assert not workspace.hub.requests(repo="wikitext"), "the name it asks for is given its namespace here"
    assert workspace.hub.requests(repo="Salesforce/wikitext", kind="datasets")


def test_a_text_that_the_hub_does_not_give_is_a_fault_of_its_own(workspace: Workspace) -> None:
    workspace.hub.rule({"kind": "datasets", "repo": "Salesforce/wikitext", "access": "gated"})
    _, done = workspace.attempt("calibrate", "gated", ON_WIKITEXT, "no-cache", baseline=SHARDED)
    workspace.hub.reset()
    assert done.returncode == EXIT_CODES["hub_refused"], done.stderr[-3000:]
    assert "is a gated dataset" in done.stderr
