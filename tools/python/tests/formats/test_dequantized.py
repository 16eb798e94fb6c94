"""Packed tensors read as the numbers they stand for: packed here bit by bit, and by transformers' code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from quantized_models import MADE, base_tensors, write_quantized
from safetensors.torch import load_file, save_file
from transformers.integrations.finegrained_fp8 import Fp8Dequantize
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from validation.formats.table import recognise
from validation.job import Fault
from validation.sources.dequantized import Dequantized, open_dequantized


def opened(path: Path) -> Dequantized:
    found = recognise(json.loads((path / "config.json").read_text()))
    assert found is not None
    return open_dequantized(path, found)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("shards", [1, 3])
def test_every_packing_is_read_as_its_numbers(tmp_path: Path, name: str, shards: int) -> None:
    """In three files, the parts of some tensors lie in two of them."""
    path, numbers = write_quantized(tmp_path / "q", name, shards=shards)
    read = opened(path)
    assert read.described.keys() == numbers.keys()
    assert len(read.packed) == 14
    for tensor, expected in numbers.items():
        assert read.described[tensor][1] == tuple(expected.shape)
        found = read.read(tensor).float()
        assert torch.allclose(found, expected, rtol=1e-6, atol=0), tensor
    base, up = base_tensors(), "model.layers.0.mlp.up_proj.weight"
    error = (numbers[up] - base[up].float()).norm() / base[up].float().norm()
    assert 0.001 < float(error) < 0.2  # the packing itself is of this matrix


def test_fp8_blocks_are_as_transformers_reads_them(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    stored = torch.randn(64, 96, generator=generator).to(torch.float8_e4m3fn)
    for scale in (
        torch.rand(4, 6, generator=generator),
        torch.randint(120, 130, (4, 6), dtype=torch.uint8, generator=generator),
        torch.rand(4, 6, generator=generator).to(torch.float8_e8m0fnu),
    ):
        save_file({"m.weight": stored, "m.weight_scale_inv": scale}, tmp_path / "model.safetensors")
        settings = {"quant_method": "fp8", "weight_block_size": [16, 16]}
        (tmp_path / "config.json").write_text(json.dumps({"quantization_config": settings}))
        theirs = Fp8Dequantize(None)._dequantize_one(stored, scale, torch.float32)
        assert torch.equal(opened(tmp_path).read("m.weight"), theirs)


def test_mxfp4_experts_are_as_transformers_reads_them(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randint(0, 256, (2, 24, 3, 16), dtype=torch.uint8, generator=generator)
    scales = torch.randint(100, 140, (2, 24, 3), dtype=torch.uint8, generator=generator)
    names = {"m.gate_up_proj_blocks": blocks, "m.gate_up_proj_scales": scales}
    save_file(names, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": "mxfp4"}}))
    read = opened(tmp_path)
    assert read.described == {"m.gate_up_proj": (torch.float32, (2, 96, 24))}
    assert torch.equal(read.read("m.gate_up_proj"), convert_moe_packed_tensors(blocks, scales))


def without(path: Path, ending: str) -> None:
    tensors = load_file(path / "model.safetensors")
    gone = next(name for name in tensors if name.endswith(ending))
    save_file({name: each for name, each in tensors.items() if name != gone}, path / "model.safetensors")


def cut(path: Path, ending: str) -> None:
    tensors = load_file(path / "model.safetensors")
    name = next(name for name in tensors if name.endswith(ending))
    tensors[name] = tensors[name][: tensors[name].shape[0] - 1].contiguous()
    save_file(tensors, path / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("gptq-4", lambda path: without(path, "qzeros"), "qzeros is missing beside"),
        ("gptq-4", lambda path: cut(path, "scales"), "an index of group 5, and 5 groups of scales"),
        ("awq", lambda path: cut(path, "qzeros"), "proj.weight: index"),
        ("fp8", lambda path: cut(path, "weight_scale_inv"), "scales for blocks of 80 by 80"),
        ("w4a16", lambda path: cut(path, "weight_scale"), "scales that fit no group size"),
        ("bitsandbytes-4bit", lambda path: without(path, "__nf4"), "weight"),
    ],
)
def test_parts_that_do_not_fit_are_a_fault(tmp_path: Path, name: str, damage: Any, said: str) -> None:
    path, _ = write_quantized(tmp_path / "q", name)
    damage(path)
    with pytest.raises(Fault, match="is stored") as caught:
        read = opened(path)
        for tensor in read.described:
            read.read(tensor)
    assert said in str(caught.value)
    assert caught.value.code == "bad_input" and caught.value.hint


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"}, "in the layout of marlin"),
        ({"quant_method": "gptq", "bits": 5}, "bits 5"),
        ({"quant_method": "gptq", "bits": 4, "dynamic": {"-:x": {}}}, "for some modules"),
        ({"quant_method": "awq", "bits": 4, "version": "gemv"}, "in the layout of gemv"),
        ({"quant_method": "compressed-tensors", "format": "marlin-24"}, "marlin-24"),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "int-quantized",
                "transform_config": {"config_groups": {"u": {}}},
            },
            "rotated",
        ),
        ({"quant_method": "hqq"}, "HQQ, which is not dequantised here"),
        ({"quant_method": "frob"}, "frob, which is not dequantised here"),
    ],
)
def test_other_layouts_are_named_and_refused(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    path, _ = write_quantized(tmp_path / "q", "gptq-4")
    found = recognise({"quantization_config": settings})
    assert found is not None
    with pytest.raises(Fault) as caught:
        open_dequantized(path, found)
    assert said in str(caught.value) and caught.value.hint


def test_a_configuration_of_another_checkpoint_is_told(tmp_path: Path) -> None:
    save_file({"m.weight": torch.ones(2, 2)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": MADE["awq"][0]}))
    with pytest.raises(Fault, match="none of its tensors is packed so"):
        opened(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(Fault, match="read from safetensors, and there are none"):
        opened(tmp_path)
