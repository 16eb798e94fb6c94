"""From lm-eval's results to an accuracy a benchmark: which metric, which sample count, what a NaN means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from validation.job import Fault

#: Metrics that are an accuracy, preferred first: length-normalised where a task reports it (HellaSwag, ARC).
METRICS = ("acc_norm,none", "acc,none", "exact_match,strict-match", "exact_match,none")
#: Behind any other filter of a task's own, where it reports one alone.
_FILTERED = ("exact_match", "acc")


@dataclass(frozen=True)
class Benchmark:
    """One benchmark asked for: its name in the suite, lm-eval's task, the examples before each question."""

    name: str
    task: str
    fewshot: int


@dataclass(frozen=True)
class AnswerKey:
    """The choices of an item, and the place of the right one; -1 where not exactly one is right."""

    choices: tuple[str, ...] = ()
    gold: int = -1


@dataclass(frozen=True)
class Evaluated:
    """What lm-eval found for one benchmark.

    Attributes:
        results: a row of metrics a task, and for a group its own row.
        versions: a version a task.
        shots: few-shot examples a task.
        sizes: `original` and `effective` (evaluated) samples of each task without subtasks.
        samples: the logged samples of each task without subtasks.
        keys: the answer key of each of the samples, in their order.
        batches: the batch sizes they were asked with.
        limit: how many of each task's items were asked, its first ones; None: all.
        shared_prefix: how log-likelihoods were computed, and what that cost.
        generated: tasks whose answers are texts that the model wrote.
    """

    results: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, Any]
    shots: Mapping[str, Any]
    sizes: Mapping[str, Mapping[str, int]]
    samples: Mapping[str, Sequence[Mapping[str, Any]]]
    keys: Mapping[str, Sequence[AnswerKey]] = field(default_factory=dict)
    batches: Sequence[int] = ()
    limit: int | None = None
    shared_prefix: Mapping[str, Any] = field(default_factory=dict)
    generated: frozenset[str] = frozenset()

    @property
    def counts(self) -> dict[str, int]:
        """Evaluated samples of each task without subtasks."""
        return {task: size["effective"] for task, size in self.sizes.items()}


def summary(benchmark: Benchmark, evaluated: Evaluated) -> dict[str, Any]:
    """The benchmark's `{task, metric, accuracy, stderr, n}`.

    A task, and a group that aggregates, has a row of its own; else (a tag) its tasks are pooled: accuracy
    Σnᵢpᵢ/Σnᵢ, stderr √Σ(nᵢsᵢ)²/Σnᵢ.
    Accuracy and stderr are null when any of the model's answers is NaN: lm-eval's argmax then picks the first
    choice, and the share of first choices that happen to be right says nothing.

    Raises:
        Fault: `misconfigured` when the task reports no accuracy, or nothing was asked.
    """
    own = evaluated.results.get(benchmark.task, {})
    single = _accuracy_of(own.keys()) is not None
    rows = {benchmark.task: own} if single else {task: evaluated.results[task] for task in evaluated.counts}
    total = sum(evaluated.counts.values())
    if not rows or total == 0:
        raise Fault(
            "misconfigured",
            f"benchmark {benchmark.name}: task '{benchmark.task}' has no questions",
            "It is an empty group or tag, or its data has no samples.",
        )
    metric = _metric(benchmark, rows.values())
    weights = {benchmark.task: total} if single else evaluated.counts
    found: dict[str, Any] = {
        "task": benchmark.task,
        "metric": metric,
        "accuracy": None,
        "stderr": None,
        "n": total,
    }
    # A text may well say "nan".
    answered = [samples for task, samples in evaluated.samples.items() if task not in evaluated.generated]
    if any(map(not_a_number, answered)):
        return found
    for task, row in rows.items():
        if not isinstance(row[metric], (int, float)):
            raise Fault(
                "misconfigured",
                f"benchmark {benchmark.name}: task '{task}' reports {row[metric]!r} as {metric}",
            )
    found["accuracy"] = sum(weights[task] * row[metric] for task, row in rows.items()) / total
    name, _, key = metric.partition(",")
    errors = [weights[task] * _number(row.get(f"{name}_stderr,{key}")) for task, row in rows.items()]
    deviation = math.sqrt(sum(error**2 for error in errors)) / total
    found["stderr"] = deviation if math.isfinite(deviation) else None
    return found


def not_a_number(samples: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an answer (a log-likelihood) in the samples is NaN."""
    return any(_holds_nan(sample.get("filtered_resps")) for sample in samples)


def strict(value: Any) -> Any:
    """The value as strict JSON holds it: NaN and infinities as null, anything unknown as its name or text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): strict(each) for key, each in value.items()}
    if isinstance(value, Iterable):
        return [strict(each) for each in value]
    if hasattr(value, "item"):  # a NumPy scalar
        return strict(value.item())
    return getattr(value, "__name__", str(value))


def _metric(benchmark: Benchmark, rows: Iterable[Mapping[str, Any]]) -> str:
    common = set.intersection(*(set(row) for row in rows))
    if (metric := _accuracy_of(common)) is not None:
        return metric
    reported = sorted(key for key in common if "," in key and "_stderr" not in key)
    raise Fault(
        "misconfigured",
        f"benchmark {benchmark.name}: task '{benchmark.task}' reports no accuracy, "
        f"only {', '.join(reported) or 'nothing'}",
        f"an accuracy is one of {', '.join(METRICS)}, or exact_match or acc behind one other filter",
    )


def _accuracy_of(reported: Iterable[str]) -> str | None:
    known = set(reported)
    for metric in METRICS:
        if metric in known:
            return metric
    for name in _FILTERED:
        alike = [each for each in known if each.startswith(f"{name},")]
        if len(alike) == 1:
            return alike[0]
    return None


def _number(value: Any) -> float:
    """A standard error as a number: lm-eval says `N/A` for what it cannot compute."""
    return float(value) if isinstance(value, (int, float)) else math.nan


def _holds_nan(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_nan(each) for each in value)
    if isinstance(value, str):
        return value.strip().lower() == "nan"
    return isinstance(value, float) and math.isnan(value)
