"""The doctor as it is run, without a hub; and what it says of driver, torch and kernels."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import torch
from doctor_rig import ask, hub_model
from hub import Hub
from weights_rig import llama_config, llama_tensors, write_model

from validation.compute.numerics import Flash
from validation.doctor.checkpoints import checkpoints
from validation.doctor.cuda import (
    Driver,
    Torch,
    judge_compiler,
    judge_driver,
    judge_flash,
    judge_kernels,
)


def test_a_hub_that_is_not_there_and_tasks_nobody_knows(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nowhere = Hub(f"http://127.0.0.1:{port}")
    questions = {
        "models": [hub_model("o/there")],
        "tasks": [{"task": "arc_challenge", "fewshot": 5}, {"task": "arc_chalenge", "fewshot": 5}],
        "datasets": [{"provider": "wikitext2", "split": "test"}],
    }
    found = ask(nowhere.environment(tmp_path), questions)
    for what in ("model o/there", "benchmark arc_challenge", "dataset wikitext2"):
        assert found[what]["level"] == "error"
        assert "cannot be reached" in found[what]["message"]
        assert "HF_HUB_OFFLINE" in found[what]["fix"]
    assert found["benchmark arc_chalenge"]["message"] == "lm-eval has no task 'arc_chalenge'"
    assert "arc_challenge" in found["benchmark arc_chalenge"]["fix"]
    assert found["invarlock"]["message"] == "0.3.7"
    assert found["torch"]["level"] == "ok"


CUDA12 = Torch("2.9.0+cu128", "12.8", usable=True)
CUDA13 = Torch("2.15.0+cu132", "13.2", usable=True)


@pytest.mark.parametrize(
    ("built", "driver", "level", "words"),
    [
        (
            CUDA12,
            Driver("570.86.10", "12.8"),
            "ok",
            "driver 570.86.10 (CUDA 12.8); torch 2.9.0+cu128 is built for",
        ),
        (CUDA12, Driver("580.65.06", "13.0"), "ok", "built for CUDA 12.8"),
        (CUDA12, Driver("570.86.10", None), "ok", "driver 570.86.10;"),
        (CUDA12, Driver("535.104.05", "12.2"), "warning", "kernels that are compiled at run time may not"),
        (CUDA12, Driver("515.65.01", "11.7"), "ok", "compatibility package"),
        (
            Torch("2", "12.8", usable=False),
            Driver("515.65.01", "11.7"),
            "error",
            "needs driver 525.60.13 or newer",
        ),
        (
            Torch("2", "13.2", usable=False),
            Driver("570.86.10", "12.8"),
            "error",
            "needs driver 580.65.06 or newer",
        ),
        (Torch("2", "13.2", usable=False), Driver("590.44.01", "13.2"), "error", "finds no usable GPU"),
        (Torch("2+cpu", None, usable=False), Driver("570.86.10", "12.8"), "error", "is built for CPUs"),
        (Torch("2", "99.1", usable=False), Driver("570.86.10", "12.8"), "error", "finds no usable GPU"),
        (CUDA13, Driver("590.44.01", "13.1"), "warning", "made for CUDA 13.2 or newer"),
        (Torch("2", "13.2", usable=False), None, "ok", "no CUDA device"),
        (CUDA13, None, "ok", "nvidia-smi shows none"),
    ],
)
def test_the_driver_and_the_build_of_torch(
    built: Torch, driver: Driver | None, level: str, words: str
) -> None:
    found = judge_driver(built, driver)
    assert found["level"] == level
    assert words in f"{found['message']} {found['fix']}"
    assert (found["fix"] != "") == (level != "ok")


@pytest.mark.parametrize(
    ("capability", "known", "level"),
    [
        ((9, 0), ["sm_80", "sm_90"], "ok"),
        ((8, 9), ["sm_80", "sm_90"], "ok"),  # later minor versions run a major version's kernels
        ((10, 3), ["sm_90", "sm_100", "sm_120"], "ok"),
        ((7, 0), ["sm_75", "sm_80"], "error"),
        ((12, 0), ["sm_90", "compute_90"], "ok"),  # compiled by the driver
        ((11, 0), ["sm_90", "sm_100"], "error"),
        ((9, 0), ["sm_100", "compute_100"], "error"),
    ],
)
def test_kernels_for_the_gpu(capability: tuple[int, int], known: list[str], level: str) -> None:
    assert judge_kernels(0, "NVIDIA X", capability, known)["level"] == level


def test_what_triton_lacks_to_build_kernels_is_reported(tmp_path: Path) -> None:
    header = tmp_path / "Python.h"
    assert judge_compiler("/usr/bin/gcc", header)["level"] == "warning"
    assert "gcc or clang" not in judge_compiler("/usr/bin/gcc", header)["message"]
    assert "gcc or clang" in judge_compiler(None, header)["message"]
    header.touch()
    assert judge_compiler(None, header)["level"] == "warning"
    assert judge_compiler("/usr/bin/gcc", header)["level"] == "ok"


def test_flash_attention_is_reported_with_its_reason() -> None:
    absent = judge_flash(Flash(None, "no wheel fits"), None)
    assert absent["level"] == "ok" and absent["message"].startswith("not installed: no wheel fits;")
    assert judge_flash(Flash("2.8.3"), None)["message"] == "2.8.3"
    broken = judge_flash(Flash("2.8.3"), "no kernel image")
    assert broken["level"] == "error" and "does not work here: no kernel image" in broken["message"]


def test_this_torch_has_kernels_for_the_suites_hosts() -> None:
    known = torch.cuda.get_arch_list()
    if known:  # a build for CPUs has none
        for capability in ((8, 0), (9, 0), (10, 0)):
            assert judge_kernels(0, "NVIDIA X", capability, known)["level"] == "ok"


def test_checkpoints_are_compared_with_their_baselines(tmp_path: Path) -> None:
    """In its directory; one that is made by its setup is not here yet."""
    tensors = llama_tensors()
    model = write_model(tmp_path / "model", tensors)
    edited = {name: each * 2 for name, each in tensors.items()}
    sources = {
        "good": write_model(tmp_path / "good", edited),
        "short": write_model(
            tmp_path / "short", llama_tensors(layers=2), config=llama_config(num_hidden_layers=2)
        ),
        "gone": tmp_path / "gone",
    }
    here = {"source": {"type": "path", "path": str(model)}, "stored": None}
    made = {"source": {"type": "facts"}, "stored": None}
    asked = [
        {"name": name, "model": "m", "source": {"type": "path", "path": str(path)}, "baseline": baseline}
        for name, path, baseline in [(*each, here) for each in sources.items()]
        + [("early", sources["good"], made)]
    ]
    findings = {
        each["what"]: (each["level"], each["message"])
        for each in checkpoints({"checkpoints": asked, "offline": True})
    }
    assert findings["checkpoint good of m"] == ("ok", f"{sources['good']}: a variant of its model")
    assert findings["checkpoint short of m"][0] == "error"
    assert "layers 2, the baseline has 3" in findings["checkpoint short of m"][1]
    assert findings["checkpoint gone of m"] == ("error", f"{sources['gone']}: no such directory")
    assert findings["checkpoint early of m"][0] == "ok"
    assert "not here yet" in findings["checkpoint early of m"][1]
