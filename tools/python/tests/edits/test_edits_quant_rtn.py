"""RTN against the formula, worked out element by element in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from weights_rig import weight_matrices

from validation.edits import parse_edit
from validation.edits.base import Weights
from validation.edits.quant_rtn import QuantRtn
from validation.job import Fault

#: Half a unit in the last place, relative, with room for float32 arithmetic before it.
HALF_ULP = {torch.bfloat16: 2.0**-8 * 1.001, torch.float32: 2.0**-22}


def groups_of(values: np.ndarray, size: int) -> list[tuple[slice, slice]]:
    height, width = values.shape
    if width < size:
        return [(slice(0, height), slice(0, width))]
    return [
        (slice(row, row + 1), slice(at, at + size)) for row in range(height) for at in range(0, width, size)
    ]


def check(weights: torch.Tensor, bits: int, size: int) -> None:
    edited = QuantRtn(bits, size).apply(Weights("w", weights)).values
    before, after = weights.double().numpy(), edited.double().numpy()
    top, low = 2 ** (bits - 1) - 1, -(2 ** (bits - 1))
    for where in groups_of(before, size):
        group, result = before[where], after[where]
        scale = np.abs(group).max() / top
        if scale == 0:
            assert (result == 0).all()
            continue
        levels = np.round(result / scale)
        assert levels.min() >= low and levels.max() <= top
        assert (np.abs(result - levels * scale) <= np.abs(levels * scale) * HALF_ULP[weights.dtype]).all()
        assert (np.abs(group / scale - levels) <= 0.5 + 1e-5).all()


@settings(max_examples=120, deadline=None)
@given(weight_matrices(), st.integers(2, 8), st.integers(1, 45))
def test_every_weight_goes_to_its_nearest_level(weights: torch.Tensor, bits: int, size: int) -> None:
    check(weights, bits, size)


def test_hand_worked() -> None:
    weights = torch.tensor([[7.0, -3.4, 0.5, 1.5, -14.0, 3.0]])
    edited = QuantRtn(4, 4).apply(Weights("w", weights))
    # groups [7, -3.4, .5, 1.5] with scale 1 (halves to even) and [-14, 3] with scale 2
    assert edited.values.tolist() == [[7.0, -3.0, 0.0, 2.0, -14.0, 4.0]]
    assert edited.facts == {"groups": 2}


def test_row_shorter_than_the_group_is_one_group_a_matrix() -> None:
    weights = torch.tensor([[7.0, 1.4], [0.6, -0.4]])
    assert QuantRtn(4, 3).apply(Weights("w", weights)).values.tolist() == [[7.0, 1.0], [1.0, 0.0]]
    assert QuantRtn(4, 2).apply(Weights("w", weights)).values[1].tolist() != [1.0, 0.0]


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = torch.randn(37, 21, generator=torch.Generator().manual_seed(3)).to(torch.bfloat16)
    whole = QuantRtn(4, 8).apply(Weights("w", weights)).values
    monkeypatch.setattr("validation.edits.base.CHUNK", 50)
    assert torch.equal(QuantRtn(4, 8).apply(Weights("w", weights)).values, whole)


def test_error_grows_as_bits_go() -> None:
    weights = torch.randn(64, 64, generator=torch.Generator().manual_seed(3))
    errors = [
        float((QuantRtn(bits, 16).apply(Weights("w", weights)).values - weights).norm())
        for bits in range(2, 9)
    ]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "quant_rtn", "bits": 1, "group_size": 8},
        {"type": "quant_rtn", "bits": 9, "group_size": 8},
        {"type": "quant_rtn", "bits": 4.0, "group_size": 8},
        {"type": "quant_rtn", "bits": 4, "group_size": 0},
        {"type": "quant_rtn", "bits": True, "group_size": 8},
        {"type": "quant_rtn", "bits": 4},
        {"type": "fp4_quant", "format": "e3m0"},
        {"type": "magnitude_prune", "sparsity": 1.0},
        {"type": "magnitude_prune", "sparsity": float("nan")},
        {"type": "lowrank_svd", "rank": 0},
        {"type": "quant_awq"},
        {},
    ],
)
def test_parameters_out_of_range(spec: dict[str, object]) -> None:
    with pytest.raises(Fault, match=r"allowed|none of") as caught:
        parse_edit(spec)
    assert caught.value.code == "bad_edit"
