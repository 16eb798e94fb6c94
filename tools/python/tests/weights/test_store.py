"""The weights store: whole entries or none, whoever makes them and however they end."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from weights_rig import ENVIRONMENT, recipe

from validation.job import Fault, Read, Store
from validation.weights.store import MANIFEST, locked_entry, open_entry


def make(store: Store, text: bytes = b"weights") -> dict[str, object]:
    with locked_entry(store) as entry:
        file = entry.create("model.safetensors")
        file.write(text)
        entry.finish("model.safetensors")
        (entry.draft / "config.json").write_text("{}")
        return entry.commit("cpu")


def left_over(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.name != ".locks")


def test_manifest_says_what_is_there(tmp_path: Path) -> None:
    store = Store(tmp_path, recipe("a"))
    manifest = make(store)
    assert manifest == {
        "schema": 1,
        "recipe": store.recipe,
        "device_class": "cpu",
        "bytes": 9,
        "files": [
            {"path": "config.json", "bytes": 2, "sha256": hashlib.sha256(b"{}").hexdigest()},
            {"path": "model.safetensors", "bytes": 7, "sha256": hashlib.sha256(b"weights").hexdigest()},
        ],
    }
    path = tmp_path / store.recipe
    assert json.loads((path / MANIFEST).read_text()) == manifest
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o444}
    assert left_over(tmp_path) == [store.recipe]


def test_a_complete_entry_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path, recipe("a"))
    make(store)
    inode = (tmp_path / store.recipe).stat().st_ino
    with locked_entry(store) as entry:
        assert entry.complete
        assert entry.manifest["bytes"] == 9
    assert (tmp_path / store.recipe).stat().st_ino == inode


@pytest.mark.parametrize("damage", ["file missing", "file short", "no manifest", "broken manifest"])
def test_a_torn_entry_is_never_whole_and_is_replaced(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path, recipe("a"))
    make(store)
    path = tmp_path / store.recipe
    victim = path / (MANIFEST if "manifest" in damage else "model.safetensors")
    victim.unlink()
    if damage in ("file short", "broken manifest"):
        victim.write_bytes(b"{")
    with locked_entry(store) as entry:
        assert not entry.complete
    make(store, b"again")
    assert (path / "model.safetensors").read_bytes() == b"again"
    assert left_over(tmp_path) == [store.recipe]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path, recipe("a"))
    with pytest.raises(RuntimeError), locked_entry(store) as entry:
        entry.create("model.safetensors").write(b"half")
        raise RuntimeError
    assert left_over(tmp_path) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from validation.job import Store
from validation.weights.store import locked_entry
with locked_entry(Store(Path(sys.argv[1]), sys.argv[2])) as entry:
    entry.create("model.safetensors").write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""

RACER = """
import os, sys, time
from pathlib import Path
from validation.job import Store
from validation.weights.store import locked_entry
with locked_entry(Store(Path(sys.argv[1]), sys.argv[2])) as entry:
    if entry.complete:
        print("found")
    else:
        file = entry.create("model.safetensors")
        for block in range(20):
            file.write(sys.argv[3].encode() * 1000)
            time.sleep(0.02)
        entry.finish("model.safetensors")
        entry.commit("cpu")
        print("made")
"""


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    store = Store(tmp_path, recipe("a"))
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path, store.recipe], check=False, env=ENVIRONMENT
    )
    assert ended.returncode == -signal.SIGKILL
    (draft,) = left_over(tmp_path)
    assert draft.startswith(f".tmp-{store.recipe}-")
    make(store)
    assert left_over(tmp_path) == [store.recipe]


def test_two_processes_make_one_entry(tmp_path: Path) -> None:
    store = Store(tmp_path, recipe("a"))
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, tmp_path, store.recipe, letter],
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        for letter in "xy"
    ]
    said = sorted(racer.communicate(timeout=30)[0].strip() for racer in racers)
    assert said == ["found", "made"]
    contents = (tmp_path / store.recipe / "model.safetensors").read_text()
    assert contents in ("x" * 20_000, "y" * 20_000)
    assert left_over(tmp_path) == [store.recipe]


def test_another_entry_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    with locked_entry(Store(tmp_path, recipe("a"))), locked_entry(Store(tmp_path, recipe("b"))):
        assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("name", "target"),
    [("baseline", "setup"), ("error_nan_injection", "inject"), ("quant_8bit_clean", "edit")],
)
def test_missing_weights_name_the_path_and_the_target(tmp_path: Path, name: str, target: str) -> None:
    store = Store(tmp_path / "store", recipe("a"))
    make(store)
    path = tmp_path / "store" / store.recipe
    manifest = tmp_path / f"{name}.manifest.json"
    manifest.write_bytes((path / MANIFEST).read_bytes())
    read = Read(path, manifest, "")
    assert open_entry(read) == path
    (path / "config.json").unlink()
    with pytest.raises(Fault) as caught:
        open_entry(read)
    assert caught.value.code == "weights_missing"
    assert str(path / "config.json") in str(caught.value)
    assert f"'{target}'" in caught.value.hint and "--skip-nx-cache" in caught.value.hint


def test_weights_made_again_with_other_contents_are_not_the_ones_meant(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", recipe("a"))
    make(store)
    path = tmp_path / "store" / store.recipe
    manifest = tmp_path / "baseline.manifest.json"
    manifest.write_bytes((path / MANIFEST).read_bytes())
    (path / "config.json").unlink()
    make(store, b"WEIGHTS")
    with pytest.raises(Fault, match="made again"):
        open_entry(Read(path, manifest, ""))


def test_an_entry_is_rebuilt_on_demand(tmp_path: Path) -> None:
    store = Store(tmp_path, recipe("a"))
    for text, rebuild in (("old", False), ("new", True)):
        with locked_entry(store, rebuild=rebuild) as entry:
            assert not entry.complete
            (entry.draft / "model.safetensors").write_text(text)
            entry.commit("cpu")
            assert entry.complete
    assert (tmp_path / recipe("a") / "model.safetensors").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([".locks", recipe("a")])


def test_a_manifest_that_came_with_the_files_is_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path, recipe("a"))
    with locked_entry(store) as entry:
        (entry.draft / "model.safetensors").write_text("weights")
        (entry.draft / MANIFEST).write_text("of another entry")
        manifest = entry.commit("cpu")
        assert entry.complete
    assert [file["path"] for file in manifest["files"]] == ["model.safetensors"]


@pytest.mark.parametrize("place", [".", "model.safetensors"])
def test_what_was_replaced_by_a_link_is_refused_and_made_again(tmp_path: Path, place: str) -> None:
    store = Store(tmp_path / "store", recipe("a"))
    store.root.mkdir()
    make(store)
    path = store.root / store.recipe
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    if place == ".":
        path.symlink_to(elsewhere)
    else:
        shutil.copytree(elsewhere, path, symlinks=True)
        path.chmod(0o755)
        (path / place).unlink()
        (path / place).symlink_to(elsewhere / place)
    with pytest.raises(Fault, match=r"link"):
        open_entry(Read(path, None, ""))
    with locked_entry(store) as entry:
        assert not entry.complete
    make(store)
    assert open_entry(Read(path, None, "")) == path
    assert not any(found.is_symlink() for found in [path, *path.iterdir()])
    assert (elsewhere / "model.safetensors").read_bytes() == b"weights"
    assert left_over(store.root) == [store.recipe]
