"""What the doctor says of edits that are evaluated in their quantized formats: packages and devices."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from doctor_rig import ask
from quantized_models import write_base, write_quantized

from validation.doctor.formats import formats
from validation.formats.table import FORMATS

TORCHAO = {"what": "checkpoint w8 of m", "format": "torchao", "package": "torchao==0.18.0"}
COMPRESSED = {
    "what": "program ours of m",
    "format": "compressed-tensors",
    "package": "compressed-tensors==0.20.1",
}


def install(prefix: Path, monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """An environment with what python-env puts beside it."""
    monkeypatch.setattr(sys, "prefix", str(prefix))
    for package in packages:
        name, _, version = package.partition("==")
        made = prefix / "overlays" / name / f"{name.replace('-', '_')}-{version}.dist-info"
        made.mkdir(parents=True)


def on(monkeypatch: pytest.MonkeyPatch, *capabilities: tuple[int, int]) -> dict[str, Any]:
    """What the doctor knows of a host with such GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(capabilities))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(capabilities))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capabilities[index])
    return {"driver": {"version": "580.65.06", "cuda": "13.0"} if capabilities else None}


def test_what_is_installed_and_runs_here_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "torchao==0.18.0", "compressed-tensors==0.20.1")
    found = list(formats({"formats": [TORCHAO, COMPRESSED], **on(monkeypatch)}))
    assert [(each["level"], each["what"], each["message"]) for each in found] == [
        ("ok", "checkpoint w8 of m", "torchao, evaluated as it is by torchao==0.18.0 on a CPU"),
        (
            "ok",
            "program ours of m",
            "compressed-tensors, evaluated as it is by compressed-tensors==0.20.1 on a CPU",
        ),
    ]
    (gpu,) = formats({"formats": [TORCHAO], **on(monkeypatch, (9, 0), (8, 0))})
    assert gpu["level"] == "ok" and gpu["message"].endswith("on this host's GPUs")


@pytest.mark.parametrize("installed", [[], ["torchao==0.17.0"], ["bitsandbytes==0.18.0"]])
def test_a_package_that_is_missing_or_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: list[str]
) -> None:
    install(tmp_path, monkeypatch, *installed)
    (found,) = formats({"formats": [TORCHAO], **on(monkeypatch)})
    assert found == {
        "level": "error",
        "what": "checkpoint w8 of m",
        "message": "torchao is run by torchao==0.18.0, which is not installed",
        "fix": "Run: npx nx run tools:python-env",
    }


def test_a_gpu_that_does_not_run_the_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least of them counts: any may be leased."""
    install(tmp_path, monkeypatch, "torchao==0.18.0")
    (found,) = formats({"formats": [TORCHAO], **on(monkeypatch, (9, 0), (7, 5))})
    assert (found["level"], found["message"]) == (
        "error",
        "torchao needs a GPU of compute capability 8.0, and here is 7.5",
    )
    assert "as: dequantized" in found["fix"]


def test_a_gpu_and_a_package_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    found = list(formats({"formats": [COMPRESSED], **on(monkeypatch, (6, 1))}))
    assert [each["level"] for each in found] == ["error", "error"]
    assert {each["fix"].split()[0] for each in found} == {"Run:", "Take"}


def test_a_cpu_that_does_not_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format by a kernel of GPUs, as a package may bring one."""
    install(tmp_path, monkeypatch, "kernels==1")
    row = next(each for each in FORMATS if each.name == "mxfp4")
    assert not row.cpu
    asked = {"what": "checkpoint q of m", "format": row.name, "package": "kernels==1"}
    (found,) = formats({"formats": [asked], **on(monkeypatch)})
    assert (found["level"], found["message"]) == ("error", f"{row.called} does not run on a CPU")


def test_one_taken_dequantized_needs_no_package(tmp_path: Path) -> None:
    """As it is run, where nothing lies beside the environment for it."""
    model = write_base(tmp_path / "model")
    packed, _ = write_quantized(tmp_path / "w8a8", "w8a8")
    checkpoint = {
        **{"name": "w8a8", "model": "m", "source": {"type": "path", "path": str(packed)}},
        **{"as": "dequantized", "format": None},
        "baseline": {"source": {"type": "path", "path": str(model)}, "stored": None},
    }
    found = ask(dict(os.environ), {"checkpoints": [checkpoint], "formats": [], "offline": True})
    told = found["checkpoint w8a8 of m"]
    assert told["level"] == "ok"
    assert told["message"].endswith("compressed-tensors (int-quantized), taken dequantized")
    missing = {**COMPRESSED, "package": "compressed-tensors==0.0.1"}
    again = ask(dict(os.environ), {"formats": [missing]})
    assert again["program ours of m"]["level"] == "error"
