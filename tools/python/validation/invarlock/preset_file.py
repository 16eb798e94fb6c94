"""The calibrated preset, read and checked for certificates and their baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from validation.invarlock.config import Settings, preset_problems
from validation.job import Fault


def read_preset(path: Path, settings: Settings) -> dict[str, Any]:
    """The calibrated preset, which must have been made for these settings.

    Raises:
        Fault: `bad_input` when it cannot be read, is not a preset, or was made for other settings.
    """
    try:
        preset = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Fault("bad_input", f"{path}: cannot be read ({error})") from error
    if not isinstance(preset, dict) or not isinstance(preset.get("dataset"), dict):
        raise Fault("bad_input", f"{path}: not a preset (no dataset section)")
    if problems := preset_problems(preset, settings):
        raise Fault(
            "bad_input", f"{path}: made for other settings: {'; '.join(problems)}", "build the preset again"
        )
    return preset
