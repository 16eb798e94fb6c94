"""The preset's formulas on examples worked by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.invarlock.preset_formulas import (
    RmtRun,
    SpectralRun,
    VarianceRun,
    drift,
    drift_ratio,
    quantile,
    rmt_epsilons,
    share_budget,
    spectral_caps,
    variance_deadband,
    variance_min_effect,
)


@pytest.mark.parametrize(
    ("q", "expected"),
    [(0.0, 1.0), (0.5, 2.5), (0.95, 3.85), (1.0, 4.0)],
)
def test_quantile_interpolates_between_order_statistics(q: float, expected: float) -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], q) == pytest.approx(expected)


def test_quantile_of_one_value() -> None:
    assert quantile([7.0], 0.97) == 7.0


def test_drift_ratio_prefers_the_reported_ratio() -> None:
    assert drift_ratio(1.02, 10.0, 20.0) == 1.02


def test_drift_ratio_falls_back_to_final_over_preview() -> None:
    assert drift_ratio(None, 10.0, 10.5) == 1.05
    assert drift_ratio(None, 0.0, 10.5) is None
    assert drift_ratio(None, None, 10.5) is None


def test_drift_of_two_runs_takes_at_least_five_percent() -> None:
    found = drift([1.00, 1.02])  # mean 1.01, population std 0.01, margin max(0.02, 0.05)
    assert (found.mean, found.std, found.band, found.compatible) == (1.01, 0.01, (0.96, 1.06), True)


def test_drift_of_scattered_runs_takes_two_standard_deviations() -> None:
    found = drift([0.90, 1.10, 1.00, 1.00])  # variance (0.01 + 0.01)/4, std 0.07071
    assert found.std == 0.0707
    assert (
        found.band
        == (round(1 - 2 * math.sqrt(0.005), 3), round(1 + 2 * math.sqrt(0.005), 3))
        == (0.859, 1.141)
    )
    assert (found.least, found.most) == (0.9, 1.1)


def test_drift_with_fewer_than_two_runs_has_the_default_band() -> None:
    assert drift([1.04]).band == (0.95, 1.05)
    assert drift([]).band == (0.95, 1.05)


def test_drift_far_from_one_is_not_compatible() -> None:
    assert not drift([1.06, 1.08]).compatible


def test_budget_is_shared_by_module_count() -> None:
    assert share_budget({"attn": 16, "ffn": 8, "embed": 1}, 5) == {"attn": 3, "ffn": 2, "embed": 0}


def test_what_rounding_leaves_goes_to_the_largest_family() -> None:
    assert share_budget({"a": 4, "b": 3, "c": 3}, 4) == {"a": 2, "b": 1, "c": 1}


def test_what_rounding_takes_too_much_comes_from_the_smallest() -> None:
    assert share_budget({"a": 7, "b": 7, "c": 6}, 5) == {"a": 2, "b": 2, "c": 1}
    assert share_budget({"a": 6, "b": 6, "c": 4}, 4) == {"a": 2, "b": 2, "c": 0}


def test_no_budget_or_no_modules() -> None:
    assert share_budget({"a": 3}, 0) == {"a": 0}
    assert share_budget({}, 5) == {}


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 400), min_size=1), st.integers(0, 30))
def test_shares_add_up_to_the_budget(counts: dict[str, int], budget: int) -> None:
    shares = share_budget(counts, budget)
    assert sum(shares.values()) == budget
    assert all(share >= 0 for share in shares.values())


def test_spectral_cap_is_the_nth_largest_of_the_worst_run_plus_margin() -> None:
    # Budget 5 over 4 + 1 modules: 4 to ffn, 1 to embed.
    # ffn's fourth largest: 1.0 and 1.2; embed's largest: 0.4 and 0.3.
    first = SpectralRun({"ffn": [-4.0, 3.0, 2.0, 1.0], "embed": [0.4]}, {}, 5)
    second = SpectralRun({"ffn": [1.2, 1.3, -1.4, 1.5], "embed": [-0.3]}, {}, 5)
    assert spectral_caps([first, second], "balanced") == {"embed": 0.45, "ffn": 1.25}


def test_conservative_margin_is_twice_as_wide_and_its_budget_smaller() -> None:
    run = SpectralRun({"ffn": [4.0, 3.0, 2.0, 1.0]}, {}, None)  # budget 3: the third largest
    assert spectral_caps([run], "conservative") == {"ffn": 2.1}


def test_spectral_cap_is_never_under_the_existing_one() -> None:
    run = SpectralRun({"ffn": [1.0], "router": [1.633]}, {"ffn": 3.849, "attn": 3.018}, 5)
    assert spectral_caps([run], "balanced") == {"attn": 3.018, "ffn": 3.849, "router": 1.683}


def test_family_without_a_share_gets_its_largest() -> None:
    run = SpectralRun({"ffn": [0.1] * 99, "router": [2.0]}, {}, 5)
    assert spectral_caps([run], "balanced")["router"] == 2.05


def test_rmt_epsilon_is_the_tiers_quantile() -> None:
    runs = [RmtRun({"ffn": 10.0}, {"ffn": value}, {}) for value in (11.0, 12.0)]  # changes 0.1 and 0.2
    assert rmt_epsilons(runs, "conservative") == {"ffn": 0.195}
    assert rmt_epsilons(runs, "balanced") == {"ffn": 0.197}
    assert rmt_epsilons(runs, "aggressive") == {"ffn": 0.199}


def test_rmt_epsilon_is_at_least_zero_and_at_least_the_runs_own() -> None:
    assert rmt_epsilons([RmtRun({"ffn": 10.0}, {"ffn": 9.0}, {})], "balanced") == {"ffn": 0.0}
    assert rmt_epsilons([RmtRun({"ffn": 10.0}, {"ffn": 9.99}, {"ffn": 0.01})], "balanced") == {"ffn": 0.01}


def test_rmt_family_without_a_measure_keeps_the_runs_own() -> None:
    run = RmtRun({"ffn": 10.0, "other": 0.0}, {"ffn": 13.0, "other": 0.0}, {"ffn": 0.01, "other": 0.01})
    assert rmt_epsilons([run], "balanced") == {"ffn": 0.3, "other": 0.01}


def test_rmt_fallbacks() -> None:
    nothing = [RmtRun({}, {}, {})]
    assert rmt_epsilons(nothing, "balanced") == {"ffn": 0.10, "attn": 0.08, "embed": 0.12, "other": 0.12}
    assert rmt_epsilons(nothing, "conservative") == {"ffn": 0.06, "attn": 0.05, "embed": 0.07, "other": 0.07}


def test_variance_deadband_is_as_reported() -> None:
    assert variance_deadband([VarianceRun(0.02, None, [0.5], None)]) == 0.02


def test_variance_deadband_from_the_largest_change() -> None:
    runs = [VarianceRun(None, None, [0.1, -0.3], None), VarianceRun(None, None, [0.2], None)]
    assert variance_deadband(runs) == 0.34  # 1.1 · 0.3 + 0.01
    assert variance_deadband([VarianceRun(None, None, [], None)]) is None


def test_variance_least_effect_is_the_quantile_of_half_widths() -> None:
    runs = [
        VarianceRun(None, None, [], ci) for ci in ((-0.01, 0.01), (-0.02, 0.02))
    ]  # half widths 0.01, 0.02
    assert variance_min_effect(runs) == 0.0195  # 0.01 + 0.95 · 0.01


def test_variance_least_effect_has_a_minimum() -> None:
    assert variance_min_effect([VarianceRun(None, None, [], (-0.0001, 0.0001))]) == 0.0009


def test_variance_least_effect_without_intervals_is_as_reported() -> None:
    assert (
        variance_min_effect([VarianceRun(None, 0.016, [], None), VarianceRun(None, 0.0, [], (0.0, 0.0))])
        == 0.016
    )
    assert variance_min_effect([VarianceRun(None, None, [], None)]) is None
