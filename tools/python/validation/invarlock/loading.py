"""InvarLock loads a model as it was told, or not at all.

Where loading with the settings of the configuration fails, InvarLock 0.3.7 loads again without any of them
and says nothing: results would then not be of the attention that the receipt names, nor the model on the GPUs
planned for it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from validation.compute.numerics import EAGER_HINT, Attention
from validation.compute.placement import placed_as_planned
from validation.invarlock.memory import shortages
from validation.invarlock.snapshot import take_digests
from validation.job import Device, Fault


@dataclass
class Loads:
    """What came of a command's loads: where a spread model lies (for the receipt), what was not as told.

    `fault` is also that a model did not stay as it was loaded.
    """

    placed: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    #: Of memory on GPUs, while loading: InvarLock loads once more then, well or not.
    shortages: int = 0

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Note a fault: InvarLock goes on after one. Once there is one, nothing more is done."""
        if self.fault is not None:
            raise self.fault
        try:
            yield
        except Fault as fault:
            self.fault = fault
            raise


@contextlib.contextmanager
def loads_as_told(attention: Attention, device: Device) -> Iterator[Loads]:
    """Let InvarLock's loads fail with their own cause, and models that are not as told end its run.

    Its run survives a first failure to load and loads once more; a wrong model is not loaded again for that.
    """
    run: Any = importlib.import_module("invarlock.cli.commands.run")
    load = run._load_model_with_cfg
    loads = Loads()

    def watched(adapter: Any, *given: Any, **named: Any) -> Any:
        with loads.noted():
            before = shortages()
            try:
                with _one_try(adapter):
                    model = load(adapter, *given, **named)
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
def _one_try(adapter: Any) -> Iterator[None]:
    """Let the adapter fail as it first did where it is asked again after a failure."""
    failures: list[Exception] = []
    adapter.load_model = _once(adapter.load_model, failures)
    try:
        yield
    finally:
        del adapter.load_model
        # a failure keeps the frames it came through, with what was loaded so far
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
            f"InvarLock loaded the model with attention {found}, not {attention.name} ({attention.why})",
            EAGER_HINT,
        )
