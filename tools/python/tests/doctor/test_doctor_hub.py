"""What the doctor says of models and data on a hub, and that it is so when a run wants them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doctor_rig import Finding, ask, hub_model
from hub import Hub, run_python, serving
from hub_cells import Cells

MISTRAL, LLAMA, YI = "mistralai/Mistral-7B-v0.1", "NousResearch/Llama-2-13b-hf", "01-ai/Yi-34B"
TOKEN = "hf_a-token-nobody-may-read"
_SMALL = {"config.json": "{}", "tokenizer.json": "{}", "pytorch_model.bin": "weights"}


@pytest.fixture(scope="module")
def running() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


@pytest.fixture
def hub(running: Hub) -> Hub:
    running.reset()
    return running


#: Downloads models as setup does, and says what came of it.
SETUP = """
import json, sys
from validation.job import Fault
from validation.sources.download import download
for name, revision in json.loads(sys.argv[1]):
    try:
        download(name, revision, False)
    except Fault as fault:
        print(f"{name}@{revision}\\t{fault.code}")
    else:
        print(f"{name}@{revision}\\tok")
"""


def set_up(environment: dict[str, str], *models: tuple[str, str]) -> dict[str, str]:
    printed = run_python(SETUP, environment, json.dumps(models))
    return dict(line.split("\t") for line in printed.splitlines())


class TestModels:
    def test_what_it_says_is_what_setup_meets(self, hub: Hub, tmp_path: Path) -> None:
        for name in ("gated", "private", "throttled", "broken", "portal", "disabled", "now"):
            hub.commit("models", f"o/{name}", _SMALL)
        hub.commit("models", "openai-community/gpt2", _SMALL)
        hub.commit("models", "o/adapter", {"config.json": "{}", "adapter_model.bin": "x"})
        hub.rule(
            *({"repo": f"o/{access}", "access": access} for access in ("gated", "private", "disabled")),
            {"repo": "o/throttled", "status": 429, "retryAfter": 0},
            {"repo": "o/broken", "status": 503},
            {"repo": "o/portal", "status": 200},
            {"repo": "o/before", "redirect": "o/now"},
        )
        names = [MISTRAL, LLAMA, "gpt2", *(f"o/{name}" for name in ["before", "gated", "private", "missing"])]
        names += [f"o/{name}" for name in ["disabled", "throttled", "broken", "portal", "adapter"]]
        models = [hub_model(name) for name in names] + [{**hub_model(YI, "v9"), "name": "no revision"}]
        environment = hub.environment(tmp_path)
        found = ask(environment, {"models": models})
        said = {name: found[f"model {name}"] for name in [*names, "no revision"]}
        assert said[MISTRAL]["message"].startswith(f"{MISTRAL} at main: the hub has it (")
        assert said["o/before"]["message"].startswith("o/before at main: the hub has it as o/now (")
        assert "as openai-community/gpt2" in said["gpt2"]["message"]
        none_such = "the hub has no such name or revision, or it is private"
        for name, words in {
            "o/gated": "gated",
            "o/private": none_such,
            "o/missing": none_such,
            "no revision": none_such,
            "o/disabled": "the hub does not give it to you (403)",
            "o/throttled": "the hub was asked too often (429)",
            "o/broken": "the hub cannot be reached (HfHubHTTPError",
            "o/portal": "the hub cannot be reached (",
            "o/adapter": "there is no model*.safetensors or .bin weights in it",
        }.items():
            assert words in said[name]["message"], said[name]
        assert not [
            each for each in hub.requests() if (each.get("file") or "").endswith((".bin", "safetensors"))
        ]

        hub.rule({"repo": "o/broken", "status": 503}, {"repo": "o/throttled", "status": 429, "retryAfter": 0})
        came = set_up(environment, *((name, "main") for name in names), (YI, "v9"))
        levels = {f"{name}@main": said[name]["level"] for name in names}
        levels[f"{YI}@v9"] = said["no revision"]["level"]
        assert {name for name, end in came.items() if end == "ok"} == {
            name for name, level in levels.items() if level == "ok"
        }, came

    def test_a_token_lets_in_who_was_let_in(self, hub: Hub, tmp_path: Path) -> None:
        for access in ("gated", "private"):
            hub.commit("models", f"mine/{access}", _SMALL)
            hub.commit("models", f"theirs/{access}", _SMALL)
            hub.rule({"repo": f"mine/{access}", "access": access, "allow": TOKEN})
            hub.rule({"repo": f"theirs/{access}", "access": access, "allow": "another"})
        names = [f"{whose}/{access}" for whose in ("mine", "theirs") for access in ("gated", "private")]
        environment = hub.environment(tmp_path, HF_TOKEN=TOKEN)
        found = ask(environment, {"models": [hub_model(name) for name in names]})
        assert [found[f"model {name}"]["level"] for name in names] == ["ok", "ok", "error", "error"]
        assert "gated" in found["model theirs/gated"]["message"]
        assert "HF_TOKEN" in found["model theirs/private"]["fix"]
        assert list(set_up(environment, *((name, "main") for name in names)).values()) == [
            *("ok", "ok", "hub_refused", "hub_refused")
        ]
        asked = [each for each in hub.requests() if each["path"].startswith("/storage/")]
        assert asked and all("token" not in each for each in asked), "the token went to another host"

    def test_offline_a_cache_is_whole_or_not(self, hub: Hub, tmp_path: Path) -> None:
        environment = hub.environment(tmp_path)
        assert set(set_up(environment, (MISTRAL, "main"), (LLAMA, "main"), (YI, "main")).values()) == {"ok"}
        snapshot = next((tmp_path / "hub").glob("models--mistralai*/snapshots/*"))
        (snapshot / "model-00002-of-00002.safetensors").unlink()
        next((tmp_path / "hub").glob("models--01-ai*/snapshots/*/tokenizer.json")).unlink()
        hub.reset()
        offline = environment | {"HF_HUB_OFFLINE": "1"}
        questions = {"models": [hub_model(name) for name in (MISTRAL, LLAMA, YI, "o/never")]}
        found = ask(offline, questions | {"offline": True})
        levels = [found[f"model {name}"]["level"] for name in (MISTRAL, LLAMA, YI, "o/never")]
        assert levels == ["error", "ok", "error", "error"]
        assert found[f"model {LLAMA}"]["message"].endswith("in the local cache (2 files of weights)")
        assert (
            "not whole in the local cache, and the hub is not asked" in found[f"model {MISTRAL}"]["message"]
        )
        came = set_up(offline, *((name, "main") for name in (MISTRAL, LLAMA, YI, "o/never")))
        assert list(came.values()) == ["unavailable", "ok", "unavailable", "unavailable"]
        assert hub.requests() == []
        # With a hub the rest would come.
        found = ask(environment, questions)
        assert [found[f"model {name}"]["level"] for name in (MISTRAL, LLAMA, YI)] == ["ok", "ok", "ok"]


TASK = """
task: {task}
dataset_path: {dataset}
{more}
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{question}}}}"
doc_to_choice: ["a", "b"]
doc_to_target: answer
metric_list: [{{metric: acc}}]
"""
ROWS = "".join(json.dumps({"question": f"q{index}", "answer": index % 2}) + "\n" for index in range(8))


def write_tasks(directory: Path, **datasets: str) -> list[dict[str, Any]]:
    """A task a data set; returns the doctor's questions about them."""
    directory.mkdir()
    for task, name in datasets.items():
        dataset, _, config = name.partition(":")
        more = f"dataset_name: {config}" if config else ""
        (directory / f"{task}.yaml").write_text(TASK.format(task=task, dataset=dataset, more=more))
    return [{"task": task, "fewshot": 2} for task in datasets]


class TestData:
    @pytest.fixture
    def data(self, hub: Hub) -> Hub:
        for name in ("o/plain", "o/gated", "o/private", "o/now", "o/throttled", "o/broken", "space/old_name"):
            hub.commit("datasets", name, {"test.jsonl": ROWS})
        hub.commit("datasets", "o/empty", {"test.jsonl": "", "README.md": "nothing yet"})
        hub.commit("datasets", "o/other", {"test.jsonl": ROWS.replace("question", "asked")})
        hub.rule(
            {"kind": "datasets", "repo": "o/gated", "access": "gated"},
            {"kind": "datasets", "repo": "o/private", "access": "private"},
            {"kind": "datasets", "repo": "o/before", "redirect": "o/now"},
            {"kind": "datasets", "repo": "old_name", "redirect": "space/old_name"},
            {"kind": "datasets", "repo": "o/broken", "status": 503},
        )
        return hub

    def test_of_benchmarks_is_loaded(self, data: Hub, tmp_path: Path) -> None:
        questions = write_tasks(
            tmp_path / "tasks",
            plain="o/plain",
            old_name="old_name",
            renamed="o/before",
            gated="o/gated",
            private="o/private",
            missing="o/missing",
            no_such="old_missing",
            empty="o/empty",
            other_columns="o/other",
            no_config="cais/mmlu:alchemy",
            metric="o/plain",
        )
        metric, f1 = tmp_path / "tasks" / "metric.yaml", "{metric: f1, aggregation: mean, hf_evaluate: true}"
        metric.write_text(metric.read_text().replace("{metric: acc}", f1))
        asked = {"tasks": questions, "include_path": str(tmp_path / "tasks")}
        environment = data.environment(tmp_path / "home")
        found = ask(environment, asked)
        said = {each["task"]: found[f"benchmark {each['task']}"] for each in questions}
        for name in ("plain", "old_name", "renamed"):
            assert said[name]["message"] == "loaded: 8 questions"
        assert {name for name, one in said.items() if one["level"] == "ok"} == {
            "plain",
            "old_name",
            "renamed",
        }
        assert said["gated"]["message"] == "its data: gated"
        for name in ("private", "missing", "no_such"):
            assert "no such name or revision, or it is private" in said[name]["message"]
        assert "alchemy" in said["no_config"]["message"]
        assert "is undefined" in said["other_columns"]["message"]
        assert "'metric' computes f1 by the library evaluate" in said["metric"]["message"]
        assert "without hf_evaluate" in said["metric"]["fix"]

        # Offline nothing of it is in the store yet, whatever the hub's cache holds.
        data.reset()
        found = ask(environment | {"HF_HUB_OFFLINE": "1"}, asked | {"offline": True})
        for name in ("plain", "old_name", "renamed", "gated"):
            assert found[f"benchmark {name}"]["level"] == "error"
        assert "not in the store yet, and the hub is not asked" in found["benchmark plain"]["message"]
        assert "data.hub:data" in found["benchmark plain"]["fix"]
        assert data.requests() == []

    def test_is_looked_at_as_it_was_at_the_recorded_commit(self, data: Hub, tmp_path: Path) -> None:
        rows = ROWS.splitlines(keepends=True)
        recorded = data.commit("datasets", "o/moved", {"test.jsonl": ROWS})
        data.commit("datasets", "o/moved", {"test.jsonl": "".join(rows[:3])})
        questions = write_tasks(tmp_path / "tasks", now="o/moved", then="o/moved", gone="o/moved")
        for each in questions:
            each["revisions"] = {"then": {"o/moved": recorded}, "gone": {"o/moved": "f" * 40}}.get(
                each["task"], {}
            )
        asked = {"tasks": questions, "include_path": str(tmp_path / "tasks")}
        data.reset()
        found = ask(data.environment(tmp_path / "home"), asked)
        assert found["benchmark then"]["message"] == "loaded: 8 questions"
        assert found["benchmark now"]["message"] == "loaded: 3 questions"
        assert "no such name or revision" in found["benchmark gone"]["message"]
        assert recorded in "".join(each["path"] for each in data.requests(repo="o/moved"))

    def test_of_windows_is_loaded(self, hub: Hub, tmp_path: Path) -> None:
        environment = hub.environment(tmp_path)

        def say(**variables: str) -> Finding:
            offline = "HF_HUB_OFFLINE" in variables
            datasets = [{"provider": "wikitext2", "split": "test"}]
            asked = {"datasets": datasets, "offline": offline}
            return ask(environment | variables, asked)["dataset wikitext2"]

        (tmp_path / "datasets" / "someone___my_wikitext_notes").mkdir(parents=True)
        lacking = say(HF_HUB_OFFLINE="1")
        assert lacking["level"] == "error" and "not in the store yet" in lacking["message"]
        assert hub.requests() == []
        hub.rule({"kind": "datasets", "repo": "Salesforce/wikitext", "access": "gated"})
        assert "gated" in say()["message"]
        hub.reset()
        loaded = say()
        assert loaded["level"] == "ok" and "rows of the test split" in loaded["message"]
        assert not hub.requests(repo="wikitext"), "its old name needs no hub"
        assert say(HF_HUB_OFFLINE="1")["level"] == "error"

    def test_that_the_suite_has_in_its_store_is_read_there_and_nobody_is_asked(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        environment = hub.environment(tmp_path / "home")
        parts: dict[str, Any] = {"hellaswag": {"task": "hellaswag"}, "wikitext2": {"provider": "wikitext2"}}
        cells = Cells(tmp_path, environment)
        cells.run("data", "fetched", {part: {**spec, "revisions": {}} for part, spec in parts.items()})
        entries = {part: cells.made[f"fetched-{part}"]["path"] for part in parts}
        shutil.rmtree(tmp_path / "home")
        hub.reset()
        asked = {
            "tasks": [{"task": "hellaswag", "fewshot": 5, "stored": entries["hellaswag"]}],
            "datasets": [{"provider": "wikitext2", "split": "validation", "stored": entries["wikitext2"]}],
            "models": [{**hub_model(MISTRAL), "stored": True}],
            "offline": True,
        }
        found = ask(environment | {"HF_HUB_OFFLINE": "1"}, asked)
        assert found["benchmark hellaswag"]["message"].startswith("in the store: ")
        assert found["dataset wikitext2"]["message"].startswith("in the store: ")
        assert found[f"model {MISTRAL}"]["message"] == f"{MISTRAL} at main: its weights are in the store"
        assert {found[what]["level"] for what in ("benchmark hellaswag", "dataset wikitext2")} == {"ok"}
        assert hub.requests() == []
