"""Recomputes a suite's finding from its outcomes and certificates, and compares it with final_verdict.json.

    .venv/bin/python test/e2e/recompute_finding.py output/smoke [--margin 0.01] [--margin-per-benchmark 0.02]

Written apart from the verdict's own code, with other tools (numpy, scipy, pyarrow): the margin of a benchmark
is tested by a numerically maximised likelihood, intervals are scipy's, models are resampled by numpy. Prints
each disagreement and ends with 1 where there is one.
"""

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet
from scipy import optimize, stats

NON_FINITE = {"error_nan_injection", "error_inf_injection"}
LIMITS = {"sensitivity": 0.6, "specificity": 0.6, "error_detection": 0.8}
#: Ends of bootstrapped intervals differ by the draws.
TOLERANCE = 0.03


@dataclass
class Variant:
    """An edit or an error of a model: what its answers say, and what InvarLock says."""

    model: str
    name: str
    label: str | None
    flagged: bool | None

    @property
    def is_error(self) -> bool:
        """Whether it was injected."""
        return self.name.startswith("error_")


def answers(files: list[Path]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Items of some tables, by what identifies them."""
    rows = [row for file in files for row in parquet.read_table(file).to_pylist()]
    return {(row["benchmark"], row["task"], row["doc_hash"], row["index"]): row for row in rows}


def rules_out(lost: int, won: int, n: int, margin: float) -> bool:
    """Score test of a drop of `margin` or more at 5 %, by a likelihood that is maximised numerically."""

    def minus_log_likelihood(q: float) -> float:
        parts = ((lost, q + margin), (won, q), (n - lost - won, 1 - 2 * q - margin))
        return -sum(count * math.log(p) for count, p in parts if count)

    found = optimize.minimize_scalar(
        minus_log_likelihood,
        bounds=(1e-14, (1 - margin) / 2 - 1e-14),
        method="bounded",
        options={"xatol": 1e-13},
    )
    q = 0.0 if won == 0 and minus_log_likelihood(0.0) <= found.fun else float(found.x)
    z = (lost - won - n * margin) / math.sqrt(n * (2 * q + margin - margin**2))
    return bool(stats.norm.cdf(z) < 0.05)


def label_of(before: dict, after: dict, margin: float, per_benchmark: float) -> str:
    """`harmful`, `harmless` or `undecided`."""
    if any(not math.isfinite(value) for row in after.values() for value in row["loglikelihoods"]):
        return "harmful"
    counts: dict[str, list[int]] = {}
    for key, row in after.items():
        was = before[key]
        if (was["prompt_hash"], was["gold"], was["metric"]) != (
            row["prompt_hash"],
            row["gold"],
            row["metric"],
        ):
            raise SystemExit(f"{key}: not asked as the baseline was")
        lost_won_n = counts.setdefault(key[0], [0, 0, 0])
        lost_won_n[0] += was["correct"] and not row["correct"]
        lost_won_n[1] += row["correct"] and not was["correct"]
        lost_won_n[2] += 1
    all_counts = list(counts.values())
    difference = np.mean([(c - b) / n for b, c, n in all_counts])
    error = math.sqrt(sum((b + c + 1 - (b - c) ** 2 / n) / n**2 for b, c, n in all_counts)) / len(all_counts)
    low = difference - stats.norm.ppf(0.95) * error
    if low > -margin and all(rules_out(b, c, n, per_benchmark) for b, c, n in all_counts):
        return "harmless"
    p_values = sorted(stats.binom.sf(b - 1, b + c, 0.5) if b + c else 1.0 for b, c, _ in all_counts)
    # Holm's smallest adjusted value is below a level where the smallest of all is, times their number.
    shown = min(1.0, len(p_values) * p_values[0]) <= 0.025
    return "harmful" if shown or stats.norm.cdf(difference / error) <= 0.025 else "undecided"


def certificate_flag(directory: Path, limit: float) -> tuple[bool | None, float | None]:
    """Whether InvarLock flagged one run, and its ratio; None where it does not say."""
    outcome = json.loads((directory / "outcome.json").read_text())
    if outcome["status"] == "refused":
        return True, None
    said = json.loads((directory / "evaluation.cert.json").read_text())
    gates = ["invariants_pass", "primary_metric_acceptable", "spectral_stable", "rmt_stable"]
    guards = {"invariants_pass": "invariants", "spectral_stable": "spectral", "rmt_stable": "rmt"}
    flags: list[bool | None] = []
    for gate in gates:
        guard = guards.get(gate)
        if guard is not None and guard not in outcome["guards"]:
            continue
        broken = guard is not None and outcome["guards"][guard] != "ran"
        silent = guard in ("spectral", "rmt") and said[guard].get("evaluated") is False
        value = said["validation"].get(gate)
        flags.append(None if broken or (silent and value is not False) else value)
    ratio = said["primary_metric"].get("ratio_vs_baseline")
    if False in flags:
        return True, ratio
    return (None if None in flags else False), ratio


def flag_of(directories: list[Path], limit: float) -> bool | None:
    """The majority's flag; of an even split that of the pooled windows."""
    runs = [certificate_flag(directory, limit) for directory in directories]
    yes, no = sum(flag is True for flag, _ in runs), sum(flag is False for flag, _ in runs)
    if 2 * yes > len(runs):
        return True
    if 2 * no > len(runs):
        return False
    if not runs or yes + no < len(runs):
        return None
    ratios = [ratio for _, ratio in runs]
    if any(ratio is None or not (0 < ratio < math.inf) for ratio in ratios):
        return True
    return float(stats.gmean(ratios)) > limit


def variants(output: Path, margin: float, per_benchmark: float, limit: float) -> list[Variant]:
    """Every edit and error that has certificates."""
    found = []
    for certificates in sorted(output.glob("*/certificates")):
        evals = certificates.parent / "evals"
        before = answers(list(evals.glob("baseline_outcomes.parquet")))
        directories = {
            **{one.name: sorted(one.glob("run_*")) for one in certificates.iterdir()},
            **{f"error_{one.name}": [one] for one in (certificates / "errors").glob("*")},
        }
        for name, runs in sorted(directories.items()):
            if name in ("errors", "calibration", "baseline", "null"):
                continue
            files = sorted(
                {*evals.glob(f"{name}_outcomes.parquet"), *evals.glob(f"{name}_*_outcomes.parquet")}
            )
            after = answers(files)
            # A part of the evaluation is no evaluation.
            whole = before and {key[0] for key in after} == {key[0] for key in before}
            label = label_of(before, after, margin, per_benchmark) if whole else None
            found.append(Variant(certificates.parent.name, name, label, flag_of(runs, limit)))
    return found


def interval(ones: list[Variant], hits: list[bool]) -> tuple[float, float]:
    """Exact, widened to that of resampled models where there are several."""
    if not ones:
        return 0.0, 1.0
    exact = stats.binomtest(sum(hits), len(hits)).proportion_ci(method="exact")
    models = sorted({one.model for one in ones})
    if len(models) < 2:
        return exact.low, exact.high
    pairs = list(zip(ones, hits, strict=True))
    per_model = np.array(
        [[sum(h for o, h in pairs if o.model == m), sum(o.model == m for o in ones)] for m in models]
    )
    draws = np.random.default_rng(7).integers(len(models), size=(50_000, len(models)))
    sums = per_model[draws].sum(axis=1)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    return min(exact.low, low), max(exact.high, high)


def finding(all_of_them: list[Variant]) -> dict[str, Any]:
    """Status, and the rates behind it."""
    edits = [one for one in all_of_them if not one.is_error]
    judged = [one for one in all_of_them if one.flagged is not None]
    groups = {
        "sensitivity": [one for one in judged if not one.is_error and one.label == "harmful"],
        "specificity": [one for one in judged if not one.is_error and one.label == "harmless"],
        "error_detection": [
            one for one in judged if one.is_error and one.label == "harmful" and one.name not in NON_FINITE
        ],
    }
    rates = {}
    for name, ones in groups.items():
        hits = [bool(one.flagged) != (name == "specificity") for one in ones]
        rates[name] = {"hits": sum(hits), "of": len(hits), "interval_95": interval(ones, hits)}
    decided = rates["sensitivity"]["of"] + rates["specificity"]["of"]
    ends = {name: rate["interval_95"] for name, rate in rates.items()}
    few = min(rates["sensitivity"]["of"], rates["specificity"]["of"]) < 5
    if not edits or decided < 0.8 * len(edits) or few:
        status = "NOT_ASSESSABLE"
    elif any(ends[name][1] < LIMITS[name] for name in LIMITS):
        status = "REFUTED"
    elif all(ends[name][0] >= LIMITS[name] for name in LIMITS):
        status = "SUPPORTED"
    else:
        status = "INSUFFICIENT"
    return {"status": status, **rates}


def differences(output: Path, ours: list[Variant]) -> list[str]:
    """What final_verdict.json says otherwise."""
    verdict = json.loads((output / "reports/final_verdict.json").read_text())
    theirs = {one["name"]: one for one in verdict["labels"]}
    wrong = []
    for one in ours:
        said = theirs.pop(f"{one.model}/{one.name}", None)
        if said is None or (said["label"], said["flagged"]) != (one.label, one.flagged):
            wrong.append(
                f"{one.model}/{one.name}: {one.label}, flagged {one.flagged}; the verdict has {said}"
            )
    wrong += [f"{name}: only in the verdict" for name in theirs]
    mine = finding(ours)
    if mine["status"] != verdict["finding"]["status"]:
        wrong.append(f"status {mine['status']}; the verdict has {verdict['finding']['status']}")
    for name in LIMITS:
        said, rate = verdict["finding"][name], mine[name]
        near = np.allclose(said["interval_95"], rate["interval_95"], atol=TOLERANCE)
        if (said["hits"], said["of"]) != (rate["hits"], rate["of"]) or not near:
            wrong.append(f"{name}: {rate}; the verdict has {said}")
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Recompute a suite's finding.")
    parser.add_argument("output", type=Path)
    parser.add_argument("--margin", type=float, default=0.01)
    parser.add_argument("--margin-per-benchmark", type=float, default=0.02)
    parser.add_argument("--limit", type=float, default=1.202, help="ratio above which InvarLock's gate fails")
    given = parser.parse_args()
    recomputed = variants(given.output, given.margin, given.margin_per_benchmark, given.limit)
    for line in differences(given.output, recomputed):
        print(line)
    print(json.dumps(finding(recomputed)))
    sys.exit(1 if differences(given.output, recomputed) else 0)
