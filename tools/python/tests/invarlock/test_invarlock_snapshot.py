"""Digests in place of copies: every change of a model is seen, and InvarLock goes by them."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from validation.compute.numerics import Attention
from validation.invarlock.hooks import snapshot as invarlock_snapshot
from validation.invarlock.hooks.loading import Loads, loads_as_configured
from validation.invarlock.hooks.snapshot import digests_of, require_unchanged, take_digests
from validation.job import Device, Fault

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int8, torch.int64, torch.bool]


class Model(nn.Module):
    """Tensors of many kinds, one of them twice."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.matrix = nn.Parameter(torch.randn(7, 9).bfloat16())
        self.turned = nn.Parameter(torch.randn(5, 4).T)
        self.tied = self.matrix
        self.scalar = nn.Parameter(torch.tensor(1.0))
        self.empty = nn.Parameter(torch.zeros(0, 3))
        for dtype in DTYPES:
            self.register_buffer(
                f"of_{dtype.itemsize}_{dtype.is_floating_point}_{len(self._buffers)}",
                (torch.randn(11) * 10).to(dtype),
            )


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invarlock_snapshot, "_CHUNK", 8)


def test_an_unchanged_model_has_its_digests_whatever_it_holds() -> None:
    model = Model()
    with torch.no_grad():
        model.matrix[0, 0], model.matrix[0, 1] = torch.nan, -torch.inf
    before = digests_of(model)
    assert len(before) == 4 + len(DTYPES)
    before_draw = torch.get_rng_state()
    require_unchanged(model, before)
    assert torch.equal(torch.get_rng_state(), before_draw)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_changed_bit_is_seen_and_named(data: st.DataObject) -> None:
    model = Model()
    before = digests_of(model)
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    name = data.draw(st.sampled_from(sorted(name for name, each in tensors.items() if each.numel())))
    tensor = tensors[name]
    bits = tensor.detach().view(-1) if tensor.is_contiguous() else tensor.detach().T.reshape(-1)
    at = data.draw(st.integers(0, tensor.numel() - 1))
    if tensor.dtype == torch.bool:
        bits[at] = ~bits[at]
    else:
        width = 8 * tensor.dtype.itemsize
        whole = bits.view({8: torch.int8, 16: torch.int16, 32: torch.int32, 64: torch.int64}[width])
        bit = data.draw(st.integers(0, width - 1))
        whole[at] ^= 1 << bit if bit < width - 1 else -(1 << bit)
    with pytest.raises(Fault, match=rf"changed 1 of the model's tensors between two evaluations \({name}\)"):
        require_unchanged(model, before)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 62), st.integers(0, 62))
def test_numbers_that_change_places_are_seen(one: int, other: int) -> None:
    model = Model()
    before = digests_of(model)
    flat = model.matrix.detach().view(-1)
    flat[one], flat[other] = flat[other].clone(), flat[one].clone()
    assert (digests_of(model) == before) == (flat[one] == flat[other])


def test_a_tensor_more_or_less_is_seen() -> None:
    model = Model()
    before = digests_of(model)
    model.register_buffer("more", torch.zeros(1))
    with pytest.raises(Fault, match=r"\(more\)"):
        require_unchanged(model, before)


def test_an_adapter_takes_digests_and_tells_what_changed() -> None:
    adapter, loads = types.SimpleNamespace(), Loads()
    take_digests(adapter, loads.noted)
    model = Model()
    taken = adapter.snapshot(model)
    adapter.restore(model, taken)
    assert loads.fault is None
    with torch.no_grad():
        model.scalar.mul_(2)
    with pytest.raises(Fault, match="scalar"):
        adapter.restore(model, taken)
    assert loads.fault is not None and loads.fault.code == "internal"


@pytest.mark.parametrize(
    ("error", "code"),
    [(torch.OutOfMemoryError("no room"), "out_of_memory"), (RuntimeError("no kernel"), "internal")],
)
def test_no_copy_is_made_where_there_is_no_digest(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    def fails(*_: Any) -> Any:
        raise error

    adapter: Any = types.SimpleNamespace()
    loads = Loads()
    take_digests(adapter, loads.noted)
    monkeypatch.setattr(invarlock_snapshot, "_digest", fails)
    with pytest.raises(Fault, match=str(error)):
        adapter.snapshot(Model())
    monkeypatch.undo()
    with pytest.raises(Fault, match=str(error)):
        adapter.snapshot_chunked(Model())
    assert loads.fault is not None and loads.fault.code == code


def test_a_load_by_invarlock_is_watched() -> None:
    from invarlock.cli.commands import run

    class Adapter:
        def load_model(self, model_id: str, device: str = "auto", **given: Any) -> Any:
            model = Model()
            model.config = types.SimpleNamespace(_attn_implementation=None)  # type: ignore[assignment]
            return model

    class Config:
        model = types.SimpleNamespace(id="models/causal/baseline")

        def model_dump(self) -> dict[str, Any]:
            return {"model": {"id": "models/causal/baseline"}}

    adapter: Any = Adapter()
    with loads_as_configured(Attention(None, "no GPU"), Device("cpu", "cpu", 0, 1)) as loads:
        model = run._load_model_with_cfg(adapter, Config(), "cpu", profile="ci")
    taken = adapter.snapshot(model)
    with torch.no_grad():
        model.scalar.mul_(2)
    with pytest.raises(Fault):
        adapter.restore(model, taken)
    assert loads.fault is not None and "scalar" in str(loads.fault)
