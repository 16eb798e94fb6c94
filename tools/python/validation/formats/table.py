"""The formats of quantized checkpoints: how config.json names one, what runs it, and what is not done here.

One row a format. What a suite needs to know before its cells are made, the package, is also in
tools/suite/model/weight-formats.ts; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Where config.json has the settings of a format: transformers' name, then older ones.
SETTINGS_KEYS = ("quantization_config", "compression_config")
#: Other programs' signs of packed weights, in config.json or beside it.
OTHER_KEYS = ("quantization", "quant_config")
OTHER_FILES = ("quantize_config.json", "quant_config.json", "hf_quant_config.json")


@dataclass(frozen=True)
class Format:
    """A format of quantized weights.

    Attributes:
        name: in suite.yaml and in files.
        called: in sentences.
        package: what runs it as it is: a directory of .venv/overlays; None where nothing here does.
        capability: the least CUDA compute capability that runs it.
        cpu: whether a CPU runs it.
        layout: how its tensors lie (formats/layouts.py); None where they cannot be dequantised here.
        not_run: why it is not evaluated as it is.
        not_read: why it is not dequantised.
    """

    name: str
    called: str
    package: str | None = None
    capability: tuple[int, int] = (0, 0)
    cpu: bool = False
    layout: str | None = None
    not_run: str = ""
    not_read: str = ""


_GPTQMODEL = (
    "transformers runs it by gptqmodel, which has no built package: it would be compiled on this host"
)
_HUB_KERNELS = "transformers runs it by kernels that it downloads from the hub while it loads a model"
_UNKNOWN = "the layout of its tensors is not known here"
_UNPACKAGED = "the package that runs it is not among the locked ones"


def _named_only(name: str, called: str) -> Format:
    return Format(name, called, not_run=_UNPACKAGED, not_read=_UNKNOWN)


FORMATS = (
    Format("gptq", "GPTQ", layout="gptq", not_run=_GPTQMODEL),
    Format("awq", "AWQ", layout="awq", not_run=_GPTQMODEL),
    Format(
        "bitsandbytes-8bit",
        "bitsandbytes 8-bit (LLM.int8)",
        package="bitsandbytes",
        capability=(7, 5),
        cpu=True,
        layout="bitsandbytes-8bit",
    ),
    Format(
        "bitsandbytes-4bit",
        "bitsandbytes 4-bit (NF4, FP4)",
        package="bitsandbytes",
        capability=(6, 0),
        cpu=True,
        layout="bitsandbytes-4bit",
    ),
    Format(
        "compressed-tensors",
        "compressed-tensors",
        package="compressed-tensors",
        capability=(7, 0),
        cpu=True,
        layout="compressed-tensors",
    ),
    Format("fp8", "FP8 with scales of blocks", layout="fp8", not_run=_HUB_KERNELS),
    Format("mxfp8", "MXFP8", layout="fp8", not_run=_HUB_KERNELS),
    Format("mxfp4", "MXFP4 of experts (gpt-oss)", layout="mxfp4", not_run=_HUB_KERNELS),
    Format("torchao", "torchao", package="torchao", capability=(8, 0), cpu=True, layout="torchao"),
    _named_only("hqq", "HQQ"),
    _named_only("aqlm", "AQLM"),
    _named_only("eetq", "EETQ"),
    _named_only("quanto", "Quanto"),
    _named_only("quark", "Quark"),
    _named_only("higgs", "HIGGS"),
    _named_only("spqr", "SpQR"),
    _named_only("vptq", "VPTQ"),
    _named_only("bitnet", "BitNet"),
    _named_only("fbgemm_fp8", "FBGEMM FP8"),
    _named_only("fp_quant", "FP-Quant"),
    _named_only("fouroversix", "Four Over Six"),
    _named_only("auto-round", "AutoRound"),
    _named_only("gguf", "GGUF"),
    _named_only("nvfp4", "NVFP4 of transformers"),
    _named_only("metal", "Metal"),
    _named_only("sinq", "SINQ"),
    _named_only("gemma", "Gemma's own"),
    _named_only("modelopt", "ModelOpt"),
    _named_only("exl2", "EXL2"),
    _named_only("exl3", "EXL3"),
    _named_only("marlin", "Marlin"),
    _named_only("mlx", "MLX"),
)
_BY_NAME = {each.name: each for each in FORMATS}


@dataclass(frozen=True)
class Recognised:
    """The format of a checkpoint.

    Attributes:
        format: its row.
        settings: what config.json says of it.
        detail: the kind within the format (`pack-quantized`), for people.
    """

    format: Format
    settings: Mapping[str, Any]
    detail: str = ""

    @property
    def called(self) -> str:
        """For sentences: `compressed-tensors (pack-quantized)`."""
        return self.format.called + (f" ({self.detail})" if self.detail else "")


def recognise(config: Mapping[str, Any]) -> Recognised | None:
    """The format that a config.json names; None where it names none."""
    for part in parts_of(config):
        for key in SETTINGS_KEYS:
            settings = part.get(key)
            if isinstance(settings, Mapping) and settings:
                return _of_settings(settings)
        if isinstance(part.get("quantization"), Mapping):  # MLX writes this beside quantization_config
            return Recognised(_BY_NAME["mlx"], part["quantization"])
    return None


def parts_of(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A configuration and those within it (`text_config`)."""
    within = [
        value for key, value in config.items() if key.endswith("_config") and isinstance(value, Mapping)
    ]
    return [config, *(part for part in within if part.get("quant_method") is None)]


def _of_settings(settings: Mapping[str, Any]) -> Recognised:
    method = str(settings.get("quant_method") or "").lower().replace("_tensors", "-tensors")
    if settings.get("load_in_8bit") or settings.get("load_in_4bit") or method == "bitsandbytes":
        bits = 4 if settings.get("load_in_4bit") else 8
        kind = str(settings.get("bnb_4bit_quant_type") or "") if bits == 4 else ""
        return Recognised(_BY_NAME[f"bitsandbytes-{bits}bit"], settings, kind)
    if not method and ("config_groups" in settings or "format" in settings):
        method = "compressed-tensors"
    if not method and {"bits", "group_size"} <= settings.keys():
        method = "mlx" if "mode" in settings or set(settings) == {"bits", "group_size"} else "gptq"
    return Recognised(
        _BY_NAME.get(method) or _named_only(method or "?", method or "without a name"),
        settings,
        _detail(method, settings),
    )


def _detail(method: str, settings: Mapping[str, Any]) -> str:
    if method in ("gptq", "awq"):
        said = [f"{settings['bits']} bits"] if "bits" in settings else []
        said += [str(settings[key]) for key in ("checkpoint_format", "version") if settings.get(key)]
        return ", ".join(said)
    if method == "compressed-tensors":
        return str(settings.get("format") or "")
    if method == "torchao":
        kind = settings.get("quant_type")
        inner = kind.get("default") if isinstance(kind, Mapping) else kind
        return str(inner.get("_type") if isinstance(inner, Mapping) else inner or "")
    return ""


def without_format(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration that says nothing of a format any more."""
    gone = {*SETTINGS_KEYS, *OTHER_KEYS}
    return {
        key: without_format(value) if key.endswith("_config") and isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in gone
    }
