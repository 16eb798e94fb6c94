"""Where a loaded model lies: spread as planned, on one GPU alone, or partly outside of GPUs."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from validation.compute.numerics import Attention
from validation.compute.placement import placed_as_planned
from validation.invarlock.hooks.loading import Loads, loads_as_configured
from validation.job import Device, Fault

GIB = 1024**3
TWO = Device("cuda", "cuda-sm90", 2, 1)
ANY = Attention(None, "no GPU")


@dataclass(frozen=True)
class Weight:
    """A parameter's device and size: there is no GPU here."""

    device: str
    nbytes: int


class Model:
    """A model as its parameters lie."""

    def __init__(self, *weights: Weight) -> None:
        self.weights = weights

    def parameters(self) -> tuple[Weight, ...]:
        """The parameters."""
        return self.weights


def test_a_model_over_two_gpus() -> None:
    model = Model(Weight("cuda:1", GIB), Weight("cuda:0", GIB), Weight("cuda:0", GIB // 2))
    assert placed_as_planned(model, TWO) == {"placed": "cuda:0 1.50 GiB, cuda:1 1.00 GiB"}


def test_a_model_of_few_blocks_may_leave_the_last_gpu_without_any() -> None:
    model = Model(Weight("cuda:1", GIB), Weight("cuda:0", GIB))
    assert placed_as_planned(model, Device("cuda", "cuda-sm90", 3, 1))["placed"].count("cuda:") == 2


def test_a_model_on_one_gpu_alone() -> None:
    with pytest.raises(
        Fault, match=r"on one GPU alone \(cuda:0 1.00 GiB\), not spread over the 2 planned"
    ) as caught:
        placed_as_planned(Model(Weight("cuda:0", GIB)), TWO)
    assert caught.value.code == "misconfigured"


@pytest.mark.parametrize("left", ["meta", "cpu"])
def test_weights_that_found_no_room_on_gpus(left: str) -> None:
    with pytest.raises(Fault, match="does not fit the free memory of its 2 GPUs") as caught:
        placed_as_planned(Model(Weight("cuda:0", GIB), Weight("cuda:1", GIB), Weight(left, GIB)), TWO)
    assert caught.value.code == "out_of_memory"


class Config:
    """A configuration as InvarLock's loader reads it."""

    def __init__(self, **model: Any) -> None:
        self._model = model
        self.model = type("Model", (), model)

    def model_dump(self) -> dict[str, Any]:
        """The document."""
        return {"model": self._model}


class Adapter:
    """Loads a LLaMA of one block; counts and notes what it was asked for."""

    def __init__(self, refuses: str | None = None) -> None:
        self.refuses = refuses
        self.asked: list[dict[str, Any]] = []

    def load_model(self, model_id: str, device: str = "auto", **given: Any) -> Any:
        """A model on this machine's CPU, whatever it is asked for."""
        self.asked.append(given)
        if self.refuses in given:
            raise ValueError(f"no {self.refuses}")
        config = LlamaConfig(
            vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2
        )
        return LlamaForCausalLM(config).to(torch.bfloat16)


def load(adapter: Adapter) -> Any:
    """One load by InvarLock's own loader, as its run calls it."""
    from invarlock.cli.commands import run

    return run._load_model_with_cfg(
        adapter, Config(id="models/causal/baseline", device_map="auto"), "cpu", profile="ci"
    )


def test_invarlock_by_itself_loads_again_without_the_settings_and_says_nothing() -> None:
    adapter = Adapter(refuses="device_map")
    assert load(adapter) is not None
    assert adapter.asked == [{"device_map": "auto"}, {}]


def test_a_load_that_fails_with_its_settings_fails() -> None:
    adapter = Adapter(refuses="device_map")
    with loads_as_configured(ANY, TWO) as loads, pytest.raises(ValueError, match="no device_map"):
        load(adapter)
    assert adapter.asked == [{"device_map": "auto"}]
    assert loads.fault is None  # the cause is InvarLock's to tell
    load(adapter)
    assert adapter.asked[1:] == [{"device_map": "auto"}, {}]  # all is as it was


def test_what_a_failed_load_had_loaded_is_released() -> None:
    class Half(Adapter):
        def load_model(self, model_id: str, device: str = "auto", **given: Any) -> Any:
            model = super().load_model(model_id, device)
            loaded.append(weakref.ref(model))
            raise torch.OutOfMemoryError("short for a moment")

    loaded: list[weakref.ref[Any]] = []
    gc.disable()
    try:
        with loads_as_configured(ANY, TWO):
            with pytest.raises(torch.OutOfMemoryError):
                load(Half())
            assert [each() for each in loaded] == [None]
    finally:
        gc.enable()


def test_a_model_that_should_be_spread_and_is_not_ends_the_run_and_is_loaded_once() -> None:
    adapter = Adapter()
    with loads_as_configured(ANY, TWO) as loads:
        for _ in range(2):
            with pytest.raises(Fault, match="does not fit the free memory of its 2 GPUs"):
                load(adapter)
    assert len(adapter.asked) == 1
    assert loads.fault is not None
    assert loads.placed == {}


def test_a_model_for_one_device_may_lie_anywhere() -> None:
    with loads_as_configured(ANY, Device("cuda", "cuda-sm90", 1, 1)) as loads:
        assert load(Adapter()) is not None
    assert loads == Loads()


def test_another_attention_than_asked_for() -> None:
    message = r"with attention sdpa, not eager \(the suite asks for it\)"
    with (
        loads_as_configured(Attention("eager", "the suite asks for it"), Device("cpu", "cpu", 0, 1)) as loads,
        pytest.raises(Fault, match=message),
    ):
        load(Adapter())
    assert loads.fault is not None
    assert loads.fault.code == "misconfigured"


def test_a_shortage_while_loading_is_not_one_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([3, 4, 4, 4])
    monkeypatch.setattr("validation.invarlock.hooks.loading.shortages", lambda: next(counts))
    with loads_as_configured(ANY, Device("cuda", "cuda-sm90", 1, 1)) as loads:
        with pytest.raises(ValueError, match="no device_map"):
            load(Adapter(refuses="device_map"))
        load(Adapter())
    assert loads.shortages == 1
