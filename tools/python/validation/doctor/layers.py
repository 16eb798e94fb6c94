"""Whether InvarLock 0.3.7 finds the layers of a model: it knows them by the names of their modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from validation.weights.sizes import load_config


def unknown_structure(files: Path, trust_remote_code: bool) -> str | None:
    """The class of a model in which InvarLock's adapter finds no layers: every run of it would end with that.

    Nothing is loaded: the model is built from its configuration, without memory for its weights.

    Args:
        files: A directory with config.json.
        trust_remote_code: Whether code beside it may be run.

    Returns:
        None where it finds them, and where the model cannot be built from its configuration alone: its setup,
        which has all files, says then what it is.
    """
    from invarlock.adapters.hf_causal import HF_Causal_Adapter
    from invarlock.core.exceptions import AdapterError

    model = _built(files, trust_remote_code)
    if model is None:
        return None
    try:
        HF_Causal_Adapter().describe(model)
    except AdapterError:
        return type(model).__name__
    return None


def _built(files: Path, trust_remote_code: bool) -> Any | None:
    import torch
    from transformers import AutoModelForCausalLM

    try:
        config = load_config(files, trust_remote_code)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except Exception:  # whatever a configuration lacks, or its code raises
        return None
