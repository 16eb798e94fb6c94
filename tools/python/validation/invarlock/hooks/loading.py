"""The hook into InvarLock's loading: a model is loaded exactly as configured, or the run fails.

When loading with the configured settings fails, InvarLock 0.3.7 silently loads again without any of them: the
results would not be of the attention that the receipt names, or the model not on its planned GPUs.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from validation.compute.numerics import EAGER_HINT, Attention
from validation.compute.placement import placed_as_planned
from validation.compute.whole_load import whole_loads
from validation.invarlock.hooks.memory import shortages
from validation.invarlock.hooks.snapshot import take_digests
from validation.job import Device, Fault, emit


@dataclass
class Loads:
    """The outcome of the loads of a command.

    Attributes:
        placed: the devices of a spread model, for the receipt.
        fault: a model that was not loaded as configured, or changed after it was loaded.
        shortages: how often GPU memory ran out while loading; InvarLock then loads once more.
        made_up: what of a model that may be loaded in part was not in its files, or not of it.
    """

    placed: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    shortages: int = 0
    made_up: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Keep a fault, as InvarLock continues after one, and refuse all further work after it."""
        if self.fault is not None:
            raise self.fault
        try:
            yield
        except Fault as fault:
            self.fault = fault
            raise


@contextlib.contextmanager
def loads_as_configured(attention: Attention, device: Device, partly: Path | None = None) -> Iterator[Loads]:
    """Make InvarLock's loads fail with their own cause, also where a loaded model is not as configured.

    InvarLock loads once more after a first failure; a model that was loaded wrongly is not loaded again. The
    model in `partly` it may load as it would without the suite, with random numbers for what is missing.
    """
    run: Any = importlib.import_module("invarlock.cli.commands.run")
    load = run._load_model_with_cfg
    loads = Loads()

    def watched(adapter: Any, config: Any, *given: Any, **named: Any) -> Any:
        emit("started")
        with loads.noted():
            before = shortages()
            broken = partly is not None and Path(str(config.model.id)).resolve() == partly.resolve()
            try:
                with _single_attempt(adapter), whole_loads(loads.made_up if broken else None):
                    model = load(adapter, config, *given, **named)
            finally:
                loads.shortages += shortages() - before
            _require_attention(model, attention)
            if device.type == "cuda" and device.gpus > 1:
                loads.placed = placed_as_planned(model, device)
        take_digests(adapter, loads.noted)
        return model

    run._load_model_with_cfg = watched
    try:
        yield loads
    finally:
        run._load_model_with_cfg = load


@contextlib.contextmanager
def _single_attempt(adapter: Any) -> Iterator[None]:
    """Make the adapter repeat its first failure instead of loading again."""
    failures: list[Exception] = []
    adapter.load_model = _once(adapter.load_model, failures)
    try:
        yield
    finally:
        del adapter.load_model
        # an exception keeps its frames in memory, and with them the tensors loaded so far
        failures.clear()


def _once(load_model: Callable[..., Any], failures: list[Exception]) -> Callable[..., Any]:
    @functools.wraps(load_model)  # InvarLock looks at the signature
    def once(*given: Any, **named: Any) -> Any:
        if failures:
            raise failures[0]
        try:
            return load_model(*given, **named)
        except Exception as error:
            failures.append(error)
            raise

    return once


def _require_attention(model: Any, attention: Attention) -> None:
    found = str(getattr(model.config, "_attn_implementation", None))
    if attention.name not in (None, found):
        raise Fault(
            "misconfigured",
            f"InvarLock loaded the model with attention {found}, not {attention.name} ({attention.reason})",
            EAGER_HINT,
        )
