"""Loads the model of an evaluation for lm-eval: in bf16, where the site puts it, the way it is to go."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from validation.compute.placement import placed_as_planned
from validation.compute.whole_load import whole_loads
from validation.evaluation.prefixes.model import SharedPrefixLM
from validation.evaluation.prefixes.ways import Way, way_of
from validation.evaluation.told import told
from validation.job import Device, Fault, Site


@dataclass(frozen=True)
class Loading:
    """How an evaluation loads its model: what its spec says, and where the site puts it."""

    device: Device
    batch_size: int | str
    trust_remote_code: bool = False
    attention: str | None = None
    compile: bool = False
    way: Way = field(default_factory=lambda: Way("lm-eval", "not asked for"))
    site: Site = field(default_factory=Site)


#: lm-eval's own limit for `auto` without a number.
AUTO_BATCH = 64


def batch_of(batch_size: int | str, *, fixed: bool) -> tuple[int | str, int]:
    """lm-eval's `batch_size` and `max_batch_size` for a spec's.

    `auto:N` means "found by trial, at most N" (the caps of the size
    classes, docs/formulas.md); lm-eval's own `auto:N` would find it N times
    and limit nothing. `fixed`: nothing can be tried (a CPU, or a GPU with other cells on it), so N it is.
    """
    if isinstance(batch_size, int):
        return batch_size, batch_size
    _, _, cap = batch_size.partition(":")
    most = int(cap) if cap else AUTO_BATCH
    return (most, most) if fixed else ("auto", most)


def load_model(weights: Path, loading: Loading) -> Any:
    """The model in bf16, on one device or spread over all visible GPUs.

    Its `used_batches` are the batch sizes it is evaluated with, as they are found; `placed` says where a
    spread model lies.

    Raises:
        Fault: `misconfigured` for a model that transformers does not load (often for want of a tokenizer); as
            `whole_loads`; as `placed_as_planned` for one that should be spread and is not.
    """
    import torch

    device, site = loading.device, loading.site
    torch.set_num_threads(device.threads)
    batch_size, most = batch_of(loading.batch_size, fixed=device.type == "cpu" or site.shared)
    if batch_size == "auto":
        for index in range(device.gpus):
            torch.cuda.set_per_process_memory_fraction(site.memory_fraction, index)
    spread = device.gpus > 1 and site.parallelize
    attention = {} if loading.attention is None else {"attn_implementation": loading.attention}
    with (
        told("the model or its tokenizer cannot be loaded", OSError, ValueError, ImportError),
        whole_loads(),
    ):
        model = SharedPrefixLM(
            pretrained=str(weights),
            device=device.type,
            dtype="bfloat16",
            batch_size=batch_size,
            max_batch_size=most,
            parallelize=spread,
            trust_remote_code=loading.trust_remote_code,
            **attention,
        )
    model.placed = placed_as_planned(model.model, device) if spread else {}
    model.go(loading.way)
    if loading.compile:
        model._model = torch.compile(model._model)
    _record_batches(model, batch_size)
    return model


def why_unloadable(weights: Path, loading: Loading) -> str:
    """Why a model whose files are broken on purpose cannot be loaded, in one line without its path.

    Raises:
        Fault: `internal` when it can; whatever else than its files keeps a model from being loaded.
    """
    try:
        load_model(weights, loading)
    except Fault as fault:
        if fault.code != "bad_input":
            raise
        return str(fault).replace(f"{weights}: ", "")
    raise Fault("internal", f"{weights}: loads whole, although its structure was broken on purpose")


def _record_batches(model: Any, batch_size: int | str) -> None:
    """lm-eval forgets the sizes it found once a task is done."""
    used: list[int] = [] if isinstance(batch_size, str) else [batch_size]
    detect = model._detect_batch_size

    def recorded(*args: Any, **kwargs: Any) -> int:
        size: int = detect(*args, **kwargs)
        used.append(size)
        return size

    model._detect_batch_size = recorded
    model.used_batches = used


def way_of_weights(weights: Path, asked: str, *, compiled: bool, trust_remote_code: bool) -> Way:
    """As `way_of`, by a model's configuration.

    Raises:
        Fault: `misconfigured` for one that transformers cannot read.
    """
    if asked == "off":
        return way_of({}, asked=asked, compiled=compiled, trusted=trust_remote_code)
    from transformers import AutoConfig

    with told("the model's configuration cannot be read", OSError, ValueError, ImportError):
        config = AutoConfig.from_pretrained(str(weights), trust_remote_code=trust_remote_code)
    return way_of(config.to_dict(), asked=asked, compiled=compiled, trusted=trust_remote_code)
