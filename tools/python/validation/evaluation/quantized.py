"""What runs a quantized format as it is: a package beside those of .venv, which transformers then finds."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from validation.formats.table import recognise
from validation.formats.unfit import unfit
from validation.job import Device, Fault
from validation.weights.checkpoint import read_json

_INSTALL = "Install it: npx nx run tools:python-env"
#: Modules of transformers that look for a package once, when imported; a warm host has imported them.
_LOOKED = (
    "transformers.integrations.bitsandbytes",
    "transformers.integrations.torchao",
    "transformers.quantizers.quantizer_torchao",
)


def use_package(package: str, weights: Path, device: Device) -> None:
    """Let transformers find the package that an evaluation names.

    Args:
        package: `<name>==<version>`.
        weights: the checkpoint that is to be loaded.
        device: where.

    Raises:
        Fault: `misconfigured` when it is not installed, has another version, is not what the checkpoint
            needs, or does not run on the device.
    """
    name, _, version = package.partition("==")
    found = recognise(read_json(weights / "config.json"))
    if found is None or found.format.package != name:
        is_ = "not quantized" if found is None else f"quantized with {found.called}"
        raise Fault("misconfigured", f"{weights}: {is_}, and is to be run by {name}", "Run nx g again.")
    if why := unfit(found.format, _capability(device)):
        raise Fault("misconfigured", why, "Take it as: dequantized, or run the suite on another host.")
    directory = Path(sys.prefix) / "overlays" / name
    if not (directory / f"{name.replace('-', '_')}-{version}.dist-info").is_dir():
        there = sorted(path.stem for path in directory.glob("*.dist-info"))
        raise Fault("misconfigured", f"{package} is needed in {directory}, found {there or 'none'}", _INSTALL)
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
        importlib.invalidate_caches()
        _look_again(name)


def _look_again(name: str) -> None:
    """What transformers has noted of packages is noted anew."""
    noted: Any = importlib.import_module("transformers.utils.import_utils")
    asked = getattr(noted, f"is_{name.replace('-', '_')}_available")
    asked.cache_clear()
    noted._package_distribution_mapping.cache_clear()
    for module in _LOOKED:
        if module in sys.modules:
            importlib.reload(sys.modules[module])


def _capability(device: Device) -> tuple[int, int] | None:
    if device.type == "cpu":
        return None
    import torch

    return torch.cuda.get_device_capability()
