"""FP4 against a search of the nearest level in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from weights_rig import weight_matrices

from validation.edits.base import Weights
from validation.edits.fp4_quant import LEVELS, Fp4Quant

HALF_ULP = {torch.bfloat16: 2.0**-8 * 1.001, torch.float32: 2.0**-22}


@settings(max_examples=120, deadline=None)
@given(weight_matrices(), st.sampled_from(sorted(LEVELS)))
def test_every_weight_goes_to_its_nearest_level(weights: torch.Tensor, name: str) -> None:
    edited = Fp4Quant(name).apply(Weights("w", weights)).values
    before, after = weights.double().numpy().ravel(), edited.double().numpy().ravel()
    levels = np.array(LEVELS[name])
    scale = np.abs(before).max() / levels[-1]
    if scale == 0:
        assert (after == 0).all()
        return
    distances = np.abs(np.abs(before)[:, None] / scale - levels[None, :])
    chosen = np.abs(np.abs(after)[:, None] / scale - levels[None, :]).argmin(axis=1)
    ideal = levels[chosen] * scale
    assert (np.abs(np.abs(after) - ideal) <= ideal * HALF_ULP[weights.dtype]).all()
    assert (distances[np.arange(len(before)), chosen] <= distances.min(axis=1) + 1e-5).all()
    assert ((np.sign(after) == np.sign(before)) | (after == 0)).all()


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("e2m1", [6.0, -5.1, 5.0, 0.24, -0.25, 1.3], [6.0, -6.0, 4.0, 0.0, 0.0, 1.5]),
        ("aggressive", [3.0, -2.6, 2.5, 0.13, 0.125, -1.2], [3.0, -3.0, 2.0, 0.25, 0.0, -1.0]),
    ],
)
def test_hand_worked_with_halves_to_the_smaller(
    name: str, weights: list[float], expected: list[float]
) -> None:
    assert Fp4Quant(name).apply(Weights("w", torch.tensor([weights]))).values.tolist() == [expected]


def test_summary_has_the_reference_keys() -> None:
    summary = Fp4Quant("e2m1").summary([{"relative_l1_error": 0.1}, {"relative_l1_error": 0.3}])
    assert summary == {"quantized_tensors": 2, "avg_relative_error": 0.2, "fp4_native": False}
