"""The doctor's look at edited checkpoints: whole as models are, and comparable with their baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from validation.doctor.finding import Finding, finding
from validation.doctor.hub import hub_model
from validation.job import Fault
from validation.sources.download import find, in_cache, source_id
from validation.sources.intake import look
from validation.sources.quantized import asked
from validation.variants.comparable import Side, differences
from validation.weights.checkpoint import open_checkpoint


def checkpoints(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Each checkpoint of the suite, as its adoption will see it; what is not here yet is not compared."""
    offline = bool(questions.get("offline"))
    for each in questions.get("checkpoints", ()):
        what, source = f"checkpoint {each['name']} of {each['model']}", each["source"] or {}
        trusted = each.get("trust_remote_code") is True
        where = source_id(source)
        if each.get("stored"):
            yield finding("ok", what, f"{where}: its weights are in the store")
            continue
        if source.get("type") == "hub":
            found = hub_model(what, source, trusted, offline)
            if found["level"] == "error" or _here(source, trusted) is None:
                yield found
                continue
        yield from _compared(what, each, trusted)


def _compared(what: str, each: Mapping[str, Any], trusted: bool) -> Iterator[Finding]:
    source, where = each["source"], source_id(each["source"])
    try:
        path = _here(source, trusted)
        if path is None:
            raise AssertionError("a path is here, and a hub's checkpoint was asked for")
        quantized = asked(path, each)
        mine = Side(path, look(path, trusted, quantized).built, where)
        baseline = _baseline(each["baseline"], trusted)
        told = [] if baseline is None else differences(baseline, mine, trusted)
    except Fault as fault:
        yield finding("error", what, str(fault), fault.hint or "See docs/checkpoints.md.")
        return
    if baseline is None:
        yield finding(
            "ok", what, f"{where}: whole; its adoption compares it with the baseline, which is not here yet"
        )
        return
    taken = "" if quantized is None else f", {quantized.called}, taken {each['as']}"
    yield finding("ok", what, f"{where}: a variant of its model{taken}")
    for line in told:
        yield finding(
            "warning", what, f"beside the weights, {line}", "Nothing, where that is part of what you judge."
        )


def _here(source: Mapping[str, Any], trusted: bool) -> Path | None:
    if source.get("type") == "path":
        return find(str(source["path"]))
    return in_cache(str(source["id"]), str(source.get("revision") or "main"), trusted)


def _baseline(baseline: Mapping[str, Any], trusted: bool) -> Side | None:
    """The baseline in the store, its directory or the hub's cache; None where it is nowhere, or no model."""
    if baseline.get("stored"):
        return Side.of_baseline(open_checkpoint(Path(baseline["stored"])), trusted)
    source = baseline.get("source") or {}
    if source.get("type") not in ("hub", "path"):
        return None
    try:
        path = _here(source, trusted)
        return None if path is None else Side(path, look(path, trusted).built, "the baseline")
    except Fault:
        return None  # said of the model itself
