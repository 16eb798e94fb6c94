"""The formulas of a calibrated preset, as pure functions of what the calibration runs measured.

Source of every formula: docs/formulas.md, "Preset from calibrations" (InvarLock's B200 validation suite
v2.1.0). Ratios, z-scores and ε have no unit; effects are differences of log loss (nats per token).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Caps that a run may apply before the spectral guard fails, where a report has no number.
MAX_CAPS = {"conservative": 3, "balanced": 5, "aggressive": 8}
#: Added to the largest |z| seen.
_SPECTRAL_MARGIN = {"conservative": 0.10}
#: The quantile of guarded/bare − 1 that becomes ε.
_RMT_QUANTILE = {"conservative": 0.95, "balanced": 0.97, "aggressive": 0.99}
_RMT_FALLBACK = {"ffn": 0.10, "attn": 0.08, "embed": 0.12, "other": 0.12}
_RMT_FALLBACK_CONSERVATIVE = {"ffn": 0.06, "attn": 0.05, "embed": 0.07, "other": 0.07}
_LEAST_DRIFT_MARGIN = 0.05
_LEAST_EFFECT = 0.0009


@dataclass(frozen=True)
class Drift:
    """The ratio of final to preview perplexity of the unedited model over the runs."""

    mean: float
    std: float
    least: float
    most: float
    band: tuple[float, float]
    compatible: bool


@dataclass(frozen=True)
class SpectralRun:
    """One run's |z| of each module by family, the caps it ran with by family, and its cap budget."""

    z_scores: Mapping[str, Sequence[float]]
    caps: Mapping[str, float]
    max_caps: int | None


@dataclass(frozen=True)
class RmtRun:
    """One run's edge risk by family without and with the guards, and the ε it ran with."""

    bare: Mapping[str, float]
    guarded: Mapping[str, float]
    epsilon: Mapping[str, float]


@dataclass(frozen=True)
class VarianceRun:
    """One run's deadband and least effect as reported, its variance changes and its predictive interval."""

    deadband: float | None
    min_effect: float | None
    changes: Sequence[float]
    delta_ci: tuple[float, float] | None


def quantile(values: Sequence[float], q: float) -> float:
    """The q-quantile with linear interpolation between order statistics; `values` is not empty."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * q
    low = math.floor(position)
    high = math.ceil(position)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def drift_ratio(ratio: float | None, preview: float | None, final: float | None) -> float | None:
    """A run's drift: `ratio_vs_baseline` (NaN, read as None, without a baseline), else final/preview."""
    if ratio is not None:
        return ratio
    if preview is None or final is None or preview <= 0:
        return None
    return final / preview


def drift(ratios: Sequence[float]) -> Drift:
    """Band = mean ± max(2·std, 0.05) (population std); compatible when 0.95 ≤ mean ≤ 1.05.

    With fewer than two runs the band is 0.95 to 1.05.
    """
    if not ratios:
        return Drift(1.0, 0.0, 1.0, 1.0, (0.95, 1.05), True)
    mean = math.fsum(ratios) / len(ratios)
    std = math.sqrt(math.fsum((ratio - mean) ** 2 for ratio in ratios) / len(ratios))
    margin = max(2.0 * std, _LEAST_DRIFT_MARGIN)
    band = (round(mean - margin, 3), round(mean + margin, 3)) if len(ratios) > 1 else (0.95, 1.05)
    return Drift(
        mean=round(mean, 4),
        std=round(std, 4),
        least=round(min(ratios), 4),
        most=round(max(ratios), 4),
        band=band,
        compatible=0.95 <= mean <= 1.05,
    )


def share_budget(counts: Mapping[str, int], budget: int) -> dict[str, int]:
    """Share a cap budget over families by module count: rounded shares, evened out from the largest on."""
    total = sum(counts.values())
    if total <= 0 or budget <= 0:
        return dict.fromkeys(counts, 0)
    exact = {family: budget * count / total for family, count in counts.items()}
    shares = {family: round(share) for family, share in exact.items()}
    by_size = sorted(exact, key=lambda family: (-exact[family], family))
    while (missing := budget - sum(shares.values())) != 0:
        for family in by_size if missing > 0 else reversed(by_size):
            if missing > 0:
                shares[family] += 1
                missing -= 1
            elif missing < 0 and shares[family] > 0:
                shares[family] -= 1
                missing += 1
    return shares


def spectral_caps(runs: Sequence[SpectralRun], tier: str) -> dict[str, float]:
    """Cap κ by family.

    The largest over the runs of the n-th largest |z| (n: the family's share of the budget, at least 1), plus
    0.05 (conservative 0.10), and never under the cap the runs had.
    """
    margin = _SPECTRAL_MARGIN.get(tier, 0.05)
    observed: dict[str, float] = {}
    existing: dict[str, float] = {}
    for run in runs:
        existing |= run.caps
        scores = {
            family: sorted(map(abs, values), reverse=True)
            for family, values in run.z_scores.items()
            if values
        }
        budget = run.max_caps if run.max_caps is not None else MAX_CAPS.get(tier, 5)
        shares = share_budget({family: len(values) for family, values in scores.items()}, budget)
        for family, values in scores.items():
            nth = values[min(max(shares[family], 1), len(values)) - 1]
            observed[family] = max(observed.get(family, 0.0), nth)
    return {
        family: max(round(observed[family] + margin, 3), existing.get(family, 0.0))
        if family in observed
        else existing[family]
        for family in sorted(observed.keys() | existing.keys())
    }


def rmt_epsilons(runs: Sequence[RmtRun], tier: str) -> dict[str, float]:
    """ε by family.

    The tier's quantile over the runs of guarded/bare − 1, at least 0, and never under the ε the runs had; a
    family that was never measured keeps that ε; with neither, the fallbacks of the formulas are used.

    The runs' own ε is the minimum because InvarLock 0.3.7 reports the edge risk before and after, which in an
    unedited model differ only by rounding (±0.001, as the variance guard scales and unscales weights); an ε
    of 0 would count that rounding as a violation.
    """
    changes: dict[str, list[float]] = {}
    epsilons: dict[str, float] = {}
    for run in runs:
        epsilons |= run.epsilon
        for family in run.bare.keys() & run.guarded.keys():
            if run.bare[family] > 0:
                changes.setdefault(family, []).append(run.guarded[family] / run.bare[family] - 1.0)
    if not changes and not epsilons:
        return dict(_RMT_FALLBACK_CONSERVATIVE if tier == "conservative" else _RMT_FALLBACK)
    q = _RMT_QUANTILE.get(tier, 0.97)
    for family, values in changes.items():
        epsilons[family] = max(round(quantile(values, q), 3), epsilons.get(family, 0.0), 0.0)
    return dict(sorted(epsilons.items()))


def variance_deadband(runs: Sequence[VarianceRun]) -> float | None:
    """The deadband as reported, else 1.1·max|change| + 0.01; None when nothing was measured."""
    for run in runs:
        if run.deadband is not None:
            return run.deadband
    changes = [abs(change) for run in runs for change in run.changes]
    return round(1.1 * max(changes) + 0.01, 3) if changes else None


def variance_min_effect(runs: Sequence[VarianceRun]) -> float | None:
    """The least effect, in nats per token.

    The 0.95 quantile of half the predictive interval's width, at least 0.0009; else as reported; None when
    neither is known.
    """
    widths = [abs(run.delta_ci[1] - run.delta_ci[0]) / 2.0 for run in runs if run.delta_ci is not None]
    widths = [width for width in widths if width > 0]
    if widths:
        return max(round(quantile(widths, 0.95), 4), _LEAST_EFFECT)
    return next((run.min_effect for run in runs if run.min_effect is not None), None)
