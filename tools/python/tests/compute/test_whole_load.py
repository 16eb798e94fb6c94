"""Loads of files that are not the model end with the names, whoever loads: lm-eval, InvarLock or others."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from weights_rig import llama_tensors, write_model

from validation.compute.numerics import Attention
from validation.compute.whole_load import whole_loads
from validation.evaluation.model_loading import Loading, load_model
from validation.invarlock.hooks.loading import loads_as_configured
from validation.job import Device, Fault

CPU = Device("cpu", "cpu", 0, 1)
UP = "model.layers.1.mlp.up_proj.weight"


def lacking(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[UP]


def of_another_shape(tensors: dict[str, torch.Tensor]) -> None:
    tensors[UP] = torch.cat([tensors[UP], tensors[UP]])


def with_one_too_many(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.layers.7.mlp.up_proj.weight"] = torch.zeros(50, 32, dtype=torch.bfloat16)


def by_transformers(path: Path) -> Any:
    auto: Any = importlib.import_module("transformers").AutoModelForCausalLM
    with whole_loads():
        return auto.from_pretrained(str(path), dtype=torch.bfloat16)


def by_lm_eval(path: Path) -> Any:
    return load_model(path, Loading(CPU, 1)).model


def by_invarlock(path: Path) -> Any:
    run: Any = importlib.import_module("invarlock.cli.commands.run")
    causal: Any = importlib.import_module("invarlock.adapters.hf_causal")
    config = SimpleNamespace(model=SimpleNamespace(id=str(path)), model_dump=dict)
    with loads_as_configured(Attention(None, "any"), CPU):
        return run._load_model_with_cfg(causal.HF_Causal_Adapter(), config, "cpu")


@pytest.mark.parametrize("load", [by_transformers, by_lm_eval, by_invarlock])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lacking, f"missing in the files: {UP}"),
        (of_another_shape, f"of another shape: {UP}"),
        (with_one_too_many, "not of the model: model.layers.7.mlp"),
    ],
)
def test_a_load_is_of_the_whole_model(
    tmp_path: Path,
    load: Callable[[Path], Any],
    change: Callable[[dict[str, torch.Tensor]], None],
    said: str,
) -> None:
    model = write_model(tmp_path / "model", llama_tensors())
    loaded = load(model).get_parameter(UP)
    assert torch.equal(loaded.to(torch.bfloat16), llama_tensors()[UP])
    tensors = load_file(model / "model.safetensors")
    change(tensors)
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Fault, match=said) as caught:
        load(model)
    assert caught.value.code == "bad_input"


def test_a_library_that_goes_on_does_not_hide_it(tmp_path: Path) -> None:
    tensors = llama_tensors()
    lacking(tensors)
    model = write_model(tmp_path / "model", tensors)
    auto: Any = importlib.import_module("transformers").AutoModelForCausalLM
    with pytest.raises(Fault, match="missing"), whole_loads(), pytest.raises(Fault):
        auto.from_pretrained(str(model))
    _, info = auto.from_pretrained(str(model), output_loading_info=True)
    assert info["missing_keys"] == {UP}, "afterwards it is transformers' own again"


def test_a_load_that_may_be_partial_says_what_it_lacks(tmp_path: Path) -> None:
    tensors = llama_tensors()
    lacking(tensors)
    model = write_model(tmp_path / "model", tensors)
    auto: Any = importlib.import_module("transformers").AutoModelForCausalLM
    partly: list[str] = []
    with whole_loads(partly):
        assert auto.from_pretrained(str(model)).get_parameter(UP).shape == llama_tensors()[UP].shape
    assert partly == [f"missing in the files: {UP}"]
