"""Determinism, attention and compilation: what is set, and what is told."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from transformers import FalconConfig, GPT2Config, LlamaConfig, MptConfig, PretrainedConfig

from validation.compute import flash_check, fp4_native, numerics
from validation.compute.numerics import (
    Architecture,
    Attention,
    Flash,
    apply_determinism,
    attention_of,
    choose_attention,
    compiles,
    installed_flash,
)
from validation.job import Device, Fault, Job, Part, Site

CPU = Device("cpu", "cpu", 0, 1)
GPU = Device("cuda", "cuda-sm100", 1, 1)


@pytest.fixture(autouse=True)
def _switches() -> Iterator[None]:
    before = (
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.benchmark,
    )
    environment = dict(os.environ)
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = (
        before
    )
    os.environ.clear()
    os.environ.update(environment)


def test_throughput_and_strict_set_what_the_seed_says() -> None:
    told = apply_determinism("throughput", GPU)
    assert torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.benchmark
    assert told["tf32"] is True and told["cudnn_benchmark"] is True and told["cublas_workspace"] is None
    told = apply_determinism("strict", GPU)
    assert not torch.backends.cuda.matmul.allow_tf32 and not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.benchmark
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":32768:8" == told["cublas_workspace"]
    with pytest.raises(Fault, match="'fast' is none of throughput, strict"):
        apply_determinism("fast", CPU)


def test_only_one_gpu_is_compiled_for_unless_asked() -> None:
    assert compiles("auto", GPU) and not compiles("auto", CPU)
    assert not compiles("auto", Device("cuda", "cuda-sm100", 2, 1))
    assert compiles(True, CPU) and not compiles(False, GPU)


def _config(directory: Path, config: PretrainedConfig) -> Path:
    config.save_pretrained(directory)
    return directory


LLAMA = Architecture("LlamaForCausalLM", True, head_dim=128)
FLASH = Flash("2.8.3")


@pytest.mark.parametrize(
    ("wanted", "device", "flash", "architecture", "name", "why"),
    [
        ("auto", "cuda", FLASH, LLAMA, "flash_attention_2", "flash-attn 2.8.3"),
        ("eager", "cuda", FLASH, LLAMA, "eager", "the suite asks for it"),
        ("eager", "cpu", FLASH, LLAMA, "eager", "the suite asks for it"),
        ("auto", "cpu", FLASH, LLAMA, None, "no GPU"),
        ("auto", "cuda", Flash(None, "no wheel"), None, None, "flash attention is not installed: no wheel"),
        (
            "auto",
            "cuda",
            FLASH,
            Architecture("MptForCausalLM", False),
            "eager",
            "MptForCausalLM does not support flash attention",
        ),
        ("auto", "cuda", FLASH, replace(LLAMA, alibi=True), "eager", "flash attention knows no ALiBi"),
        ("auto", "cuda", FLASH, replace(LLAMA, head_dim=256), "flash_attention_2", "flash-attn 2.8.3"),
        (
            "auto",
            "cuda",
            FLASH,
            replace(LLAMA, head_dim=320),
            "eager",
            "a head has 320 dimensions; flash attention takes 256",
        ),
    ],
)
def test_attention_by_installation_device_and_architecture(
    wanted: str, device: str, flash: Flash, architecture: Architecture | None, name: str | None, why: str
) -> None:
    chosen = choose_attention(wanted, device, flash, architecture)
    assert chosen == Attention(name, why)
    assert chosen.settings == {"attention": name or "transformers' own", "attention_why": why}


def test_architectures_as_transformers_tells_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: dict[str, Any] = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2}
    llama = _config(tmp_path / "llama", LlamaConfig(**sizes))
    gpt2 = _config(tmp_path / "gpt2", GPT2Config(n_layer=1, n_embd=8, n_head=2))
    falcon = _config(tmp_path / "falcon", FalconConfig(**sizes, alibi=True))
    mpt = _config(tmp_path / "mpt", MptConfig(d_model=8, n_heads=2, n_layers=1))
    assert attention_of(llama, "auto", GPU, False).name is None  # not installed here
    monkeypatch.setattr(numerics, "installed_flash", lambda: FLASH)
    assert attention_of(llama, "auto", GPU, False).name == "flash_attention_2"
    assert attention_of(gpt2, "auto", GPU, False).name == "flash_attention_2"
    assert attention_of(falcon, "auto", GPU, False) == Attention("eager", "flash attention knows no ALiBi")
    assert attention_of(mpt, "auto", GPU, False).name == "eager"
    # Where there is no choice no config is read.
    assert attention_of(tmp_path / "none", "eager", GPU, False).name == "eager"
    assert attention_of(tmp_path / "none", "auto", CPU, False).name is None


def test_why_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert installed_flash() == Flash(None, "it was not looked for")
    (tmp_path / "flash-attn.json").write_text('{"why": "no wheel"}')
    assert installed_flash() == Flash(None, "no wheel")
    (tmp_path / "flash-attn.json").write_text("[")
    assert installed_flash() == Flash(None, "it was not looked for")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {"flash-attn": "2.8.3"}[name])
    assert installed_flash() == FLASH


def test_an_installation_is_tried_before_cells_rely_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No module named 'flash_attn'" in (flash_check.problem() or "")

    def exact(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, causal: bool) -> torch.Tensor:
        assert causal
        heads_first = (each.transpose(1, 2) for each in (query, key, value))
        found = torch.nn.functional.scaled_dot_product_attention(*heads_first, is_causal=True)
        return found.transpose(1, 2)

    def lacks_kernels(*_: Any, **__: Any) -> Any:
        raise RuntimeError("CUDA error: no kernel image is available\nmore")

    def busy(*_: Any, **__: Any) -> Any:
        raise RuntimeError("CUDA out of memory")

    module = ModuleType("flash_attn")
    monkeypatch.setitem(sys.modules, "flash_attn", module)
    module.flash_attn_func = exact  # type: ignore[attr-defined]
    assert flash_check.problem() == "torch finds no usable GPU"
    # Two of these are CPUs by another name: the sums are real.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    real = torch.device
    monkeypatch.setattr(torch, "device", lambda kind, index: real("cpu"))
    assert flash_check.problem() is None
    module.flash_attn_func = lambda *each, causal: exact(*each, causal) + 0.1  # type: ignore[attr-defined]
    assert "results on GPU 0 are off by" in (flash_check.problem() or "")
    module.flash_attn_func = lacks_kernels  # type: ignore[attr-defined]
    assert flash_check.problem() == "RuntimeError: CUDA error: no kernel image is available"
    module.flash_attn_func = busy  # type: ignore[attr-defined]
    assert flash_check.problem() is None


def _edit_job(kind: str, site: Site) -> Job:
    part = Part("p", {"type": kind}, Path(), None)
    return Job("c", "edit", "m", "tiny", CPU, Path(), Path(), {}, (part,), site=site)


def test_native_fp4_is_asked_for_in_vain() -> None:
    fp4_native.require_native_fp4(_edit_job("fp4_quant", Site()))
    fp4_native.require_native_fp4(_edit_job("quant_rtn", Site(require_fp4_native=True)))
    with pytest.raises(Fault, match="TransformerEngine is not installed"):
        fp4_native.require_native_fp4(_edit_job("fp4_quant", Site(require_fp4_native=True)))
