"""Determinism, attention and compilation: what is set, and what is told."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, LlamaConfig

from validation import fp4_native, numerics
from validation.job import Device, Fault, Job, Part, Site
from validation.numerics import apply_determinism, attention_of, compiles

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


def _config(directory: Path, config: LlamaConfig | GPT2Config) -> Path:
    config.save_pretrained(directory)
    return directory


def test_flash_attention_where_it_is_installed_and_supported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    llama = _config(
        tmp_path / "llama", LlamaConfig(num_hidden_layers=1, hidden_size=8, num_attention_heads=2)
    )
    assert attention_of(llama, "auto", GPU, False) is None  # not installed here
    found = importlib.machinery.ModuleSpec("flash_attn", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found if name == "flash_attn" else None)
    assert attention_of(llama, "auto", GPU, False) == "flash_attention_2"
    assert attention_of(llama, "eager", GPU, False) == "eager"
    assert attention_of(llama, "auto", CPU, False) is None
    monkeypatch.setattr(numerics, "_supports_flash", lambda weights, trusted: False)
    assert attention_of(llama, "auto", GPU, False) == "eager"


def _edit_job(kind: str, site: Site) -> Job:
    part = Part("p", {"type": kind}, Path(), None)
    return Job("c", "edit", "m", "tiny", CPU, Path(), Path(), {}, (part,), site=site)


def test_native_fp4_is_asked_for_in_vain() -> None:
    fp4_native.require_native_fp4(_edit_job("fp4_quant", Site()))
    fp4_native.require_native_fp4(_edit_job("quant_rtn", Site(require_fp4_native=True)))
    with pytest.raises(Fault, match="TransformerEngine is not installed"):
        fp4_native.require_native_fp4(_edit_job("fp4_quant", Site(require_fp4_native=True)))
