"""Room for a download, and how far it is."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from validation.job import Fault
from validation.sources import hub_space
from validation.sources.hub_space import progress_bar, require_space

SIZES = {"config.json": 10, "model-1.safetensors": 5 * 2**30, "onnx/model.safetensors": 2**40, "x.bin": 2**40}
PATTERNS = ["*.json", "model*.safetensors"]
_Usage = namedtuple("_Usage", "total used free")


@pytest.fixture(autouse=True)
def _hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_space, "_sizes", lambda model, revision: SIZES)


def test_only_files_that_come_count_and_what_is_there_does_not(tmp_path: Path) -> None:
    assert require_space("o/m", "main", PATTERNS, tmp_path) == 5 * 2**30 + 10
    blobs = tmp_path / "models--o--m" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "a").write_bytes(bytes(1000))
    assert require_space("o/m", "main", PATTERNS, tmp_path) == 5 * 2**30 + 10 - 1000


def test_a_download_that_cannot_fit_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: _Usage(0, 0, 2**30))
    with pytest.raises(Fault, match=r"needs 5\.0 GiB more in .*, 1\.0 GiB are free") as caught:
        require_space("o/m", "main", PATTERNS, tmp_path / "not" / "yet")
    assert caught.value.code == "disk_full"


def test_nothing_is_asked_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_space, "_sizes", lambda model, revision: None)
    assert require_space("o/m", "main", PATTERNS, tmp_path) is None


def test_progress_is_reported_in_gib_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(hub_space, "emit", lambda event, **fields: told.append(fields))
    clock = iter([10.0, 11.0, 16.0])
    monkeypatch.setattr(hub_space.time, "monotonic", lambda: next(clock))
    bar = progress_bar("o/m")(total=4 * 2**30)
    for _ in range(3):
        bar.update(2**30)
    assert [(each["done"], each["total"]) for each in told] == [(1.0, 4.0), (3.0, 4.0)]
    assert told[0]["message"] == "downloading o/m (GiB)"
