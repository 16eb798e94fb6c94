"""Whether InvarLock 0.3.7 finds the layers of a model: it knows them by the names of their modules."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

#: Configurations call their number of layers one of these; one layer of a model looks like all.
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")


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
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(files), trust_remote_code=trust_remote_code)
        for name in _LAYERS:
            # Some have a list a layer beside it, which must stay as long.
            with contextlib.suppress(AttributeError, ValueError):
                if isinstance(getattr(config, name, None), int) and not getattr(config, "layer_types", None):
                    setattr(config, name, 1)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except Exception:  # whatever a configuration lacks, or its code raises
        return None
