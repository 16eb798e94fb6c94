"""Formats by their configurations, as published checkpoints have them."""

from __future__ import annotations

from typing import Any

import pytest
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

from validation.formats.layouts import LAYOUTS
from validation.formats.table import FORMATS, recognise, without_format
from validation.formats.unfit import unfit
from validation.sources.quantized import choices

AO = {"default": {"_type": "Int8WeightOnlyConfig", "_data": {}, "_version": 2}}
CONFIGS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "TheBloke's GPTQ",
        {
            **{"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": True, "damp_percent": 0.1},
            **{"sym": True, "true_sequential": True, "model_file_base_name": "model"},
        },
        "gptq",
        "GPTQ (4 bits)",
    ),
    (
        "GPTQModel",
        {
            **{"quant_method": "gptq", "bits": 8, "checkpoint_format": "gptq_v2", "pack_dtype": "int32"},
            "meta": {"quantizer": ["gptqmodel:2.0.0"]},
        },
        "gptq",
        "GPTQ (8 bits, gptq_v2)",
    ),
    (
        "AutoAWQ",
        {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm", "zero_point": True},
        "awq",
        "AWQ (4 bits, gemm)",
    ),
    (
        "bitsandbytes nf4",
        {
            **{"quant_method": "bitsandbytes", "_load_in_4bit": True, "load_in_4bit": True},
            **{"load_in_8bit": False, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
        },
        "bitsandbytes-4bit",
        "bitsandbytes 4-bit (NF4, FP4) (nf4)",
    ),
    (
        "bitsandbytes of before quant_method",
        {"load_in_8bit": True, "llm_int8_threshold": 6.0},
        "bitsandbytes-8bit",
        "bitsandbytes 8-bit (LLM.int8)",
    ),
    (
        "llm-compressor W8A8",
        {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": {}},
        "compressed-tensors",
        "compressed-tensors (int-quantized)",
    ),
    (
        "llm-compressor NVFP4",
        {"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized", "config_groups": {}},
        "compressed-tensors",
        "compressed-tensors (nvfp4-pack-quantized)",
    ),
    (
        "sparseml of before quant_method",
        {"format": "pack-quantized", "config_groups": {"group_0": {}}},
        "compressed-tensors",
        "compressed-tensors (pack-quantized)",
    ),
    (
        "DeepSeek-V3",
        {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]},
        "fp8",
        "FP8 with scales of blocks",
    ),
    (
        "gpt-oss",
        {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]},
        "mxfp4",
        "MXFP4 of experts (gpt-oss)",
    ),
    (
        "torchao",
        {"quant_method": "torchao", "quant_type": AO},
        "torchao",
        "torchao (Int8WeightOnlyConfig)",
    ),
    ("MLX", {"group_size": 64, "bits": 4}, "mlx", "MLX"),
    ("another", {"quant_method": "frob"}, "frob", "frob"),
    ("none named", {"frob": 1}, "?", "without a name"),
]


@pytest.mark.parametrize(("settings", "name", "called"), [each[1:] for each in CONFIGS])
def test_a_configuration_names_its_format(settings: dict[str, Any], name: str, called: str) -> None:
    found = recognise({"model_type": "llama", "quantization_config": settings})
    assert found is not None
    assert (found.format.name, found.called) == (name, called)


def test_older_and_inner_places_count_and_are_forgotten() -> None:
    settings = {"quant_method": "awq", "bits": 4}
    inner = {"model_type": "llava", "text_config": {"model_type": "llama", "quantization_config": settings}}
    for config in (inner, {"compression_config": settings}):
        found = recognise(config)
        assert found is not None and found.format.name == "awq"
        assert recognise(without_format(config)) is None
    assert without_format(inner) == {"model_type": "llava", "text_config": {"model_type": "llama"}}
    assert recognise({"model_type": "llama", "quantization_config": {}}) is None
    assert recognise({"quantization": {"bits": 4}, "quantization_config": {"bits": 4, "group_size": 64}})


def test_the_table_is_whole() -> None:
    """Every method of transformers has a row, and every row says what is not done."""
    names = {row.name for row in FORMATS}
    assert len(names) == len(FORMATS)
    known = {name.replace("bitsandbytes_", "bitsandbytes-") for name in AUTO_QUANTIZER_MAPPING}
    assert known <= names
    for row in FORMATS:
        assert (row.layout is None) == bool(row.not_read), row.name
        assert (row.package is None) == bool(row.not_run), row.name
        assert row.layout is None or row.layout in LAYOUTS or row.layout == "torchao"
        found = recognise({"quantization_config": {"quant_method": row.name}})
        said = choices(found) if found is not None else ""
        assert ("as: dequantized" in said) == (found is not None and found.format.layout is not None)


def test_where_a_format_runs() -> None:
    row = {each.name: each for each in FORMATS}
    assert unfit(row["bitsandbytes-8bit"], None) is None
    assert unfit(row["bitsandbytes-8bit"], (9, 0)) is None
    assert unfit(row["bitsandbytes-8bit"], (7, 0)) == (
        "bitsandbytes 8-bit (LLM.int8) needs a GPU of compute capability 7.5, and here is 7.0"
    )
    assert unfit(row["hqq"], None) == "HQQ does not run on a CPU"
