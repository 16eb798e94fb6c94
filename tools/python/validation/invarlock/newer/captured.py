"""What InvarLock 0.17 compares: answers of two models to the same items, captured before.

Of multiple choice it takes the text that was chosen; a table of outcomes says whether it was the right one,
which is all that its exact match would find out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from validation.job import Fault, write_json, write_text

#: Columns that tell an item from every other.
_ITEM = ("benchmark", "task", "doc_hash", "index", "prompt_hash")
Answers = dict[tuple[str, ...], bool]


def read_answers(paths: list[Path]) -> Answers:
    """Whether each item of some tables of outcomes was answered rightly.

    Raises:
        Fault: `bad_input` for a file that is no table of outcomes.
    """
    from pyarrow import ArrowException, parquet

    answers: Answers = {}
    for path in paths:
        try:
            columns = parquet.read_table(path, columns=[*_ITEM, "correct"]).to_pydict()
        except (ArrowException, OSError, KeyError) as error:
            raise Fault("bad_input", f"{path}: no table of outcomes ({error})") from error
        keys = zip(*(map(str, columns[name]) for name in _ITEM), strict=True)
        answers |= dict(zip(keys, columns["correct"], strict=True))
    return answers


def of_half(answers: Answers, half: str) -> Answers:
    """The items of a half, by the last hex digit of their hash: `even` or `odd`."""
    parity = {"even": 0, "odd": 1}[half]
    return {key: right for key, right in answers.items() if int(key[2][-1], 16) % 2 == parity}


def write_project(
    root: Path, baseline: Answers, subject: Answers, policy: dict[str, Any], digests: tuple[str, str]
) -> None:
    """Write a request, its policy and both sides' answers to the items that both were asked.

    Raises:
        Fault: `bad_input` when they share none, or the subject was asked what the baseline was not.
    """
    if missing := len(subject.keys() - baseline.keys()):
        raise Fault(
            "bad_input", f"{missing} of {len(subject)} items of the subject were not asked of its baseline"
        )
    if not subject:
        raise Fault("bad_input", "no item of this half was asked")
    (root / "inputs").mkdir()
    keys = sorted(subject)
    for side, answers in (("baseline", baseline), ("subject", subject)):
        rows = (json.dumps(_row(key, answers[key])) for key in keys)
        write_text(root / "inputs" / f"{side}.jsonl", "".join(f"{row}\n" for row in rows))
    write_json(root / "policy.json", policy)
    sides = {
        side: {
            "path": f"inputs/{side}.jsonl",
            "adapter": "jsonl",
            "source": {"name": "lm-eval", "version": "outcomes"},
            "run_id": side,
            "artifact_digest": f"sha256:{digest}",
        }
        for side, digest in zip(("baseline", "subject"), digests, strict=True)
    }
    request = {
        "format_version": "invarlock/evaluation-request-v2",
        "execution": {"mode": "captured"},
        "comparison": {**sides, "policy": "policy.json"},
        "output": {"evidence": "evidence"},
    }
    write_json(root / "request.yaml", request)  # JSON is YAML


def policy_of(spec: dict[str, Any]) -> dict[str, Any]:
    """The policy: of all items together, the share of right answers."""
    metric = {
        "name": "accuracy",
        "kind": "exact_match",
        "configuration": {},
        "direction": "higher",
        "unit": "score",
        "aggregation": "mean",
        "minimum_count": int(spec["minimum_count"]),
        "maximum_regression": float(spec["maximum_regression"]),
        "maximum_interval_width": float(spec["maximum_interval_width"]),
    }
    return {"format": "invarlock/comparison-policy-v1", "metrics": [metric], "slices": []}


def _row(key: tuple[str, ...], right: bool) -> dict[str, Any]:
    benchmark, task, document, index, prompt = key
    return {
        "id": f"{task}/{index}/{document}",
        "input": prompt,
        "expected": "right",
        "output": "right" if right else "wrong",
        "metadata": {"benchmark": benchmark},
    }
