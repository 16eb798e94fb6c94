"""Figures for the statistics of judges, computed another way.

    .venv/bin/python test/results/analysis/judge-results/oracles.py

writes fixtures/oracles.json; with --check it says whether the file is what it would write. The area under
the curve comes from scikit-learn, DeLong's variance from the delete-one jackknife of its components,
Newcombe's ends from scipy's root finder, McNemar's test from scipy's binomial test, Tango's interval from
scipy's root finder over a likelihood that is maximised numerically, Firth's curve from scipy's optimiser over
the penalised likelihood itself.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from scipy import optimize, stats
from sklearn.metrics import roc_auc_score

FILE = Path(__file__).parent / "fixtures" / "oracles.json"
Z = float(stats.norm.ppf(0.975))
SCORES = [
    ([3.0, 4.0, 5.0, 9.0, 2.0], [1.0, 2.0, 2.5, 0.0, 3.0, 4.5]),
    ([1.0, 1.0, 2.0], [1.0, 1.0, 0.0, 3.0]),
    ([5.0, 6.0, 7.0, 8.0, 9.0], [0.0, 1.0, 2.0, 3.0, 4.0, 4.5]),
    ([0.1, 0.4, 0.35, 0.8, 0.9, 0.7, 0.2], [0.3, 0.2, 0.15, 0.5, 0.05, 0.6, 0.25, 0.4, 0.1]),
]
PAIRS = [(0, 0, 18), (2, 0, 18), (8, 0, 18), (3, 5, 40), (1, 7, 21), (12, 4, 64), (0, 1, 5)]
CURVES = [
    ([-1, 0, 0.5, 1, 2, 3, 4, 6, 9, 20], [0, 0, 0, 1, 0, 1, 0, 1, 1, 1]),
    ([-0.2, 0, 0.1, 0.3, 0.4, 5, 12, 30, 40, 55], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]),
    ([1, 2, 3, 4, 5, 6, 7, 8], [1, 0, 1, 0, 1, 0, 0, 1]),
]


def area(harmful: list[float], harmless: list[float]) -> float:
    """Of the ROC curve."""
    return float(roc_auc_score([1] * len(harmful) + [0] * len(harmless), [*harmful, *harmless]))


def delong(harmful: list[float], harmless: list[float]) -> list[float]:
    """Jackknife pseudo-values of one sample, the other fixed: the placements DeLong takes the variance of."""
    value = area(harmful, harmless)
    variance = 0.0
    for sample, without in (
        (harmful, lambda i: area(harmful[:i] + harmful[i + 1 :], harmless)),
        (harmless, lambda i: area(harmful, harmless[:i] + harmless[i + 1 :])),
    ):
        size = len(sample)
        pseudo = [size * value - (size - 1) * without(i) for i in range(size)]
        variance += float(np.var(pseudo, ddof=1)) / size
    half = Z * math.sqrt(variance)
    return [value - half, value + half]


def newcombe(value: float, m: int, n: int) -> list[float]:
    """Newcombe (2006), method 5."""
    star = (m + n) / 2 - 1

    def gap(theta: float) -> float:
        inner = 1 + star * (1 - theta) / (2 - theta) + star * theta / (1 + theta)
        return (theta - value) ** 2 - Z**2 * theta * (1 - theta) * inner / (m * n)

    low = 0.0 if value == 0 else optimize.brentq(gap, 0.0, value - 1e-9, xtol=1e-14)
    high = 1.0 if value == 1 else optimize.brentq(gap, value + 1e-9, 1.0, xtol=1e-14)
    return [float(low), float(high)]


def tango(b: int, c: int, n: int) -> list[float]:
    """Score interval of (b - c)/n."""

    def statistic(drop: float) -> float:
        least = max(0.0, -drop)
        most = (1 - drop) / 2

        def likelihood(q: float) -> float:
            parts = [(b, q + drop), (c, q), (n - b - c, 1 - 2 * q - drop)]
            return sum(count * math.log(max(p, 1e-300)) for count, p in parts if count > 0)

        found = optimize.minimize_scalar(
            lambda q: -likelihood(q), bounds=(least, most), method="bounded", options={"xatol": 1e-14}
        )
        q = max([float(found.x), least, most], key=likelihood)
        variance = n * (2 * q + drop - drop**2)
        return (b - c - n * drop) / math.sqrt(max(variance, 1e-300))

    estimate = (b - c) / n
    low = optimize.brentq(lambda d: statistic(d) - Z, -1 + 1e-9, estimate - 1e-9, xtol=1e-13)
    high = optimize.brentq(lambda d: statistic(d) + Z, estimate + 1e-9, 1 - 1e-9, xtol=1e-13)
    return [float(low), float(high)]


def firth(doses: list[float], flagged: list[int]) -> dict[str, float]:
    """Maximum of log L + log det I / 2, by a simplex search."""
    design = np.column_stack([np.ones(len(doses)), np.asarray(doses)])
    y = np.asarray(flagged)

    def information(beta: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-design @ beta))
        return design.T @ (design * (p * (1 - p))[:, None])

    def loss(beta: np.ndarray) -> float:
        logits = design @ beta
        likelihood = float(y @ logits - np.logaddexp(0, logits).sum())
        return -likelihood - 0.5 * float(np.linalg.slogdet(information(beta))[1])

    options = {"xatol": 1e-11, "fatol": 1e-14, "maxiter": 20000, "maxfev": 20000}
    # There may be two maxima: the search starts from a grid of curves.
    starts = [[-slope * at, slope] for slope in (-2.0, -0.3, 0.0, 0.1, 0.5, 2.0) for at in doses]
    found = [
        optimize.minimize(loss, np.array(start), method="Nelder-Mead", options=options) for start in starts
    ]
    beta = min(found, key=lambda one: one.fun).x
    covariance = np.linalg.inv(information(beta))
    return {
        "intercept": float(beta[0]),
        "slope": float(beta[1]),
        "aa": float(covariance[0, 0]),
        "ab": float(covariance[0, 1]),
        "bb": float(covariance[1, 1]),
    }


def oracles() -> dict[str, object]:
    """All figures, by function."""
    return {
        "auc": [
            {
                "harmful": bad,
                "harmless": good,
                "value": area(bad, good),
                "delong": delong(bad, good),
                "newcombe": newcombe(area(bad, good), len(bad), len(good)),
            }
            for bad, good in SCORES
        ],
        "paired": [
            {
                "b": b,
                "c": c,
                "n": n,
                "p": float(stats.binomtest(b, b + c, 0.5).pvalue) if b + c > 0 else 1.0,
                "tango": tango(b, c, n),
            }
            for b, c, n in PAIRS
        ],
        "firth": [{"doses": doses, "flagged": flags, **firth(doses, flags)} for doses, flags in CURVES],
    }


def close(one: object, other: object) -> bool:
    """Equal up to what the searches leave open."""
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(close(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    return one == other


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if close(oracles(), json.loads(FILE.read_text())) else "oracles.json is out of date")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(oracles(), indent=1) + "\n")
