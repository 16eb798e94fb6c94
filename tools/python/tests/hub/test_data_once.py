"""What a suite reads from the hub comes once: with datasets, lm-eval and InvarLock as they are, on a hub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub import Hub, run_python, serving
from hub_cells import Cells
from repository import PYTHONPATH

TASKS = ["hellaswag", "mmlu_anatomy", "mmlu_virology"]
DATASETS = ["Rowan/hellaswag", "Salesforce/wikitext", "cais/mmlu", "cais/mmlu"]
MODEL = "mistralai/Mistral-7B-v0.1"
EVALUATION = {
    "benchmarks": [{"name": task, "task": task, "fewshot": 1} for task in TASKS],
    "batch_size": 8,
    "seed": 1234,
    "determinism": "strict",
    "torch_compile": False,
    "attention": "eager",
    "limit": 3,
}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with serving() as running:
        yield running


PARTS = {**{task: {"task": task} for task in TASKS}, "wikitext2": {"provider": "wikitext2"}}


def specs(pins: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {part: {**spec, "revisions": pins.get(part, {})} for part, spec in PARTS.items()}


def commits(out: Path) -> dict[str, dict[str, str]]:
    return {part: json.loads((out / part / "datasets.json").read_text())["datasets"] for part in PARTS}


def files(out: Path) -> dict[str, Any]:
    return {part: json.loads((out / part / "manifest.json").read_text())["files"] for part in PARTS}


def test_it_comes_once_and_a_suite_runs_without_the_hub(tmp_path: Path) -> None:
    with serving() as hub:
        cells = Cells(tmp_path, hub.environment(tmp_path / "home"))
        first = cells.run("data", "first", specs({}))
        pins = commits(first)
        assert sorted(name for each in pins.values() for name in each) == DATASETS
        assert pins["mmlu_anatomy"] == pins["mmlu_virology"]
        fetched = hub.requests(kind="datasets")
        # Some ten questions for each of four configurations, whatever reads them later.
        assert len(fetched) < 80
        assert not [each["path"] for each in fetched if "high_school" in each["path"]]

        # What the hub has another day is not what a pinned suite reads, and it comes as the same bytes.
        for name in set(DATASETS):
            hub.commit("datasets", name, {"README.md": "---\n{}\n---\n"})
        shutil.rmtree(tmp_path / "home")
        again = cells.run("data", "again", specs(pins))
        assert commits(again) == pins
        assert files(again) == files(first)
        setup = {"source": {"type": "hub", "id": MODEL, "revision": "main"}}
        cells.run("setup", "baseline", {"setup": setup})
        shutil.rmtree(tmp_path / "home")

    reads = {"subject": "baseline-setup", **{f"data-{task}": f"again-{task}" for task in TASKS}}
    once = cells.run("eval", "once", {"eval": EVALUATION}, reads) / "eval"
    results = json.loads((once / "results.json").read_text())["benchmarks"]
    assert {name: each["n"] for name, each in results.items()} == {
        "hellaswag": 3,
        "mmlu_anatomy": 2,
        "mmlu_virology": 2,
    }
    assert not (tmp_path / "home" / "datasets").exists(), "nothing of it goes by the user's own cache"


def test_an_evaluation_whose_data_no_cell_fetches_is_refused(tmp_path: Path, hub: Hub) -> None:
    cells = Cells(tmp_path, hub.environment(tmp_path / "home"))
    entry = tmp_path / "entry"
    entry.mkdir()
    (entry / "manifest.json").write_text('{"schema": 1, "files": []}')
    manifest = str(entry / "manifest.json")
    cells.made["baseline"] = {"path": str(entry), "manifest": manifest, "sha256": "0" * 64}
    _, done = cells.attempt("eval", "alone", {"eval": EVALUATION}, {"subject": "baseline"})
    assert "misconfigured: the data of hellaswag, mmlu_anatomy, mmlu_virology are at the hub" in done.stderr
    assert "npx nx g ./tools:suite suite" in done.stderr


def test_the_data_sets_of_tasks_groups_and_own_files_are_told_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("task: own\ndataset_path: o/data\n")
    (tmp_path / "local.yaml").write_text("task: local\ndataset_path: json\n")
    tasks = ["mmlu", "ai2_arc", "winogrande", "own", "local"]
    command = [sys.executable, "-m", "validation.evaluation.task_datasets", "--include-path", str(tmp_path)]
    offline = {**os.environ, "PYTHONPATH": PYTHONPATH, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *tasks], env=offline, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "mmlu": ["cais/mmlu"],
        "ai2_arc": ["allenai/ai2_arc"],
        "winogrande": ["allenai/winogrande"],
        "own": ["o/data"],
        "local": [],
    }


#: Loads data sets as cells do, and says of each the fault.
REFUSALS = """
import json, sys
import datasets
from validation.hub.faults import fault_of
from validation.hub.revisions import at_revisions
for name, revision in json.loads(sys.argv[1]):
    with at_revisions({name: revision} if revision else {}):
        try:
            datasets.load_dataset(name)
        except Exception as error:
            fault = fault_of(name, error, offline=datasets.config.HF_HUB_OFFLINE)
            print(json.dumps([fault.code, str(fault), fault.hint] if fault else [type(error).__name__]))
        else:
            print('["ok"]')
"""


def refusals(environment: dict[str, str], *names: tuple[str, str]) -> list[list[str]]:
    printed = run_python(REFUSALS, environment, json.dumps(names))
    return [json.loads(line) for line in printed.splitlines()]


def test_what_the_hub_refuses_is_one_sentence_and_what_to_do(tmp_path: Path, hub: Hub) -> None:
    names = ["gated", "private", "throttled", "broken", "good"]
    for name in names:
        hub.commit("datasets", f"o/{name}", {"data/train.csv": "text\nhello\n"})
    hub.rule(
        {"kind": "datasets", "repo": "o/gated", "access": "gated"},
        {"kind": "datasets", "repo": "o/private", "access": "private"},
        {"kind": "datasets", "repo": "o/throttled", "status": 429, "retryAfter": 0},
        {"kind": "datasets", "repo": "o/broken", "status": 404, "path": "revision/"},
    )
    asked = [("o/good", ""), ("o/gated", ""), ("o/private", ""), ("o/missing", ""), ("o/throttled", "")]
    good, gated, private, missing, throttled, pinned = refusals(
        hub.environment(tmp_path / "home"), *asked, ("o/good", "f" * 40)
    )
    assert good == ["ok"]
    assert gated[0] == "hub_refused" and "gated" in gated[1] and "Ask for access" in gated[2]
    for each in (private, missing, pinned):
        assert each[0] == "hub_refused" and "no such data set or revision" in each[1]
    assert throttled[0] == "unavailable" and "asked too often (429)" in throttled[1]
    (offline,) = refusals(hub.environment(tmp_path / "none", HF_HUB_OFFLINE="1"), ("o/good", "0" * 40))
    assert offline[0] == "unavailable" and "HF_HUB_OFFLINE is set" in offline[1]
    closed = hub.environment(tmp_path / "closed", HF_ENDPOINT="http://127.0.0.1:9")
    (unreached,) = refusals(closed, ("o/good", ""))
    assert unreached[0] == "unavailable" and "cannot be reached" in unreached[1]
