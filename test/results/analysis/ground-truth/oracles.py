"""Figures that the statistical functions must give, computed another way with scipy.

    .venv/bin/python test/results/analysis/ground-truth/oracles.py

writes fixtures/oracles.json; with --check it says whether the file is what it would write. None of these uses
the formula under test: McNemar comes from scipy's binomial test, Holm from its definition as the closure of
Bonferroni's test, Tango's statistic from a likelihood that is maximised numerically, Clopper and Pearson's
interval from scipy's.
"""

import itertools
import json
import math
import sys
from pathlib import Path

from scipy import optimize, stats

FILE = Path(__file__).parent / "fixtures" / "oracles.json"
COUNTS = [
    (0, 0, 128),
    (4, 6, 128),
    (2, 0, 128),
    (0, 3, 133),
    (7, 0, 400),
    (16, 6, 161),
    (30, 12, 1172),
    (260, 190, 10042),
    (700, 650, 14042),
    (1900, 1500, 14042),
    (120, 0, 128),
    (64, 64, 128),
]
P_VALUES = [
    [0.01],
    [0.04, 0.01, 0.03, 0.02],
    [0.5, 0.5],
    [0.013, 0.013, 0.2, 1.0],
    [1e-12, 0.9, 0.024],
    [0.3, 0.2, 0.1, 0.05, 0.025, 0.0125],
]
PORTIONS = [(0, 5), (5, 5), (1, 1), (3, 8), (17, 20), (24, 24), (31, 40), (0, 24), (500, 900)]
STUDENT = [(0.0, 5), (1.0, 1), (-2.3, 9), (4.5, 127), (-0.01, 14041), (12.0, 400)]
NORMAL = [-40.0, -12.5, -8.0, -4.0, -3.0, -2.999, -1.96, -1.6448536269514722, -0.1, 0.0, 0.7, 2.5, 5.0, 9.0]


def mcnemar(lost: int, won: int) -> float:
    """One-sided exact p of a drop."""
    return stats.binomtest(lost, lost + won, 0.5, alternative="greater").pvalue if lost + won > 0 else 1.0


def holm(p_values: list[float]) -> list[float]:
    """Closed testing: the largest Bonferroni p of any set of hypotheses that holds this one."""
    indices = range(len(p_values))
    subsets = [set(one) for size in indices for one in itertools.combinations(indices, size + 1)]
    return [
        max(min(1.0, len(subset) * min(p_values[i] for i in subset)) for subset in subsets if index in subset)
        for index in indices
    ]


def tango(lost: int, won: int, n: int, drop: float) -> float:
    """Score statistic: the likelihood under `P(lost) - P(won) = drop` is maximised over P(won), by search."""

    def log_likelihood(q: float) -> float:
        parts = [(lost, q + drop), (won, q), (n - lost - won, 1 - 2 * q - drop)]
        return sum(count * math.log(p) for count, p in parts if count > 0)

    high = (1 - drop) / 2
    found = optimize.minimize_scalar(
        lambda q: -log_likelihood(q), bounds=(1e-15, high - 1e-15), method="bounded", options={"xatol": 1e-14}
    )
    # Without gains the maximum may lie on the border, where the search does not go.
    q = 0.0 if won == 0 and log_likelihood(0.0) >= -found.fun else float(found.x)
    return (lost - won - n * drop) / math.sqrt(n * (2 * q + drop - drop**2))


def oracles() -> dict[str, object]:
    """All figures, by function."""
    return {
        "normal": [{"z": z, "p": float(stats.norm.cdf(z))} for z in NORMAL],
        "student": [{"t": t, "freedom": f, "p": float(2 * stats.t.sf(abs(t), f))} for t, f in STUDENT],
        "mcnemar": [{"lost": b, "won": c, "p": float(mcnemar(b, c))} for b, c, _ in COUNTS],
        "holm": [{"p": p, "adjusted": holm(p)} for p in P_VALUES],
        "tango": [
            {"lost": b, "won": c, "n": n, "drop": drop, "statistic": tango(b, c, n, drop)}
            for b, c, n in COUNTS
            for drop in (0.01, 0.02, 0.05)
        ],
        "clopperPearson": [
            {"hits": k, "of": n, "low": float(ci.low), "high": float(ci.high)}
            for k, n in PORTIONS
            for ci in [stats.binomtest(k, n).proportion_ci(method="exact")]
        ],
    }


def text() -> str:
    """The fixture as it is written: 12 digits, so that another build of scipy gives the same."""
    return (
        json.dumps(
            json.loads(json.dumps(oracles()), parse_float=lambda s: float(f"{float(s):.12g}")), indent=1
        )
        + "\n"
    )


def close(one: object, other: object) -> bool:
    """Equal up to the last digits, which differ between builds of scipy."""
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(close(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    return one == other


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(
            0 if close(json.loads(text()), json.loads(FILE.read_text())) else "oracles.json is out of date"
        )
    FILE.write_text(text())
