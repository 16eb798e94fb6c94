"""The choices of an lm-eval item and the right one, as lm-eval itself reads them of the task's document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from validation.evaluation.results import AnswerKey


def answer_key(task: Any, sample: Mapping[str, Any]) -> AnswerKey:
    """The key of a logged sample; empty for a task whose answer is written freely.

    A task that asks for the likelihood of one text (LAMBADA) has one choice. A sample's own `target` does not
    do: WinoGrande's is the end of the sentence, which all choices share.
    """
    if task.OUTPUT_TYPE == "loglikelihood":
        (arguments,) = sample["arguments"]
        return AnswerKey((arguments[1],), 0)
    if task.OUTPUT_TYPE != "multiple_choice":
        return AnswerKey()
    doc = sample["doc"]
    choices = tuple(task.doc_to_choice(doc))
    gold = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
    return AnswerKey(choices, _place(gold, choices))


def _place(gold: Any, choices: tuple[str, ...]) -> int:
    if isinstance(gold, list):
        if len(gold) != 1:
            return -1
        (gold,) = gold
    if isinstance(gold, str):
        return choices.index(gold) if gold in choices else -1
    return int(gold) if 0 <= gold < len(choices) else -1
