"""Names of before there were namespaces: what datasets makes of them alone, and what it is helped to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import Hub, run_python, serving

#: Loads `name[:config]` in turn, with help or (`!name`) without; says the rows or the exception.
LOAD = """
import contextlib, sys
import datasets
from validation.hub.dataset_names import any_name
for given in sys.argv[1:]:
    name, _, config = given.lstrip("!").partition(":")
    with contextlib.nullcontext() if given.startswith("!") else any_name():
        try:
            print(datasets.load_dataset(name, config or None, split="test").num_rows)
        except Exception as error:
            print(type(error).__name__)
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


@pytest.fixture
def hub(running: Hub) -> Hub:
    running.reset()
    running.commit("datasets", "space/old_name", {"test.jsonl": '{"a": 1}\n'})
    running.rule({"kind": "datasets", "repo": "old_name", "redirect": "space/old_name"})
    return running


def load(hub: Hub, home: Path, *names: str, **variables: str) -> list[str]:
    return run_python(LOAD, hub.environment(home, **variables), *names).splitlines()


def test_a_name_without_a_namespace_loads(hub: Hub, tmp_path: Path) -> None:
    wikitext, arc = "wikitext:wikitext-2-raw-v1", "ai2_arc:ARC-Easy"
    assert load(hub, tmp_path, f"!{wikitext}", wikitext, "!old_name", "old_name", arc, "space/old_name") == [
        *("HfUriError", "2600", "HfUriError", "1", "16", "1")
    ]
    # Offline the cache says which it was; one that nobody has is not invented.
    hub.reset()
    offline = load(hub, tmp_path, wikitext, "old_name", "never_seen", HF_HUB_OFFLINE="1")
    assert offline == ["2600", "1", "ConnectionError"]
    assert hub.requests() == []


def test_what_is_no_name_of_the_hub_stays_as_it_is(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "test.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    assert load(hub, tmp_path / "home", str(tmp_path / "local"), "never_seen") == [
        "2",
        "DatasetNotFoundError",
    ]


def test_a_hub_that_cannot_say_now_is_not_taken_for_one_that_has_none(hub: Hub, tmp_path: Path) -> None:
    hub.rule({"kind": "datasets", "repo": "old_name", "path": "^/api/", "status": 503})
    assert load(hub, tmp_path, "old_name") == ["HfHubHTTPError"]
