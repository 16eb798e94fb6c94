"""Loads that fail where transformers only warns: weights missing, left over, or of another shape.

What is missing transformers initialises at random, and goes on. Setup has compared the files with the model
(weights/built.py); this is for files that are no longer those, and for whoever else makes them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from validation.job import Fault

_KEYS = {
    "missing_keys": "missing in the files",
    "unexpected_keys": "in the files, but not of the model",
    "mismatched_keys": "of another shape",
}
_SHOWN = 8


@contextlib.contextmanager
def whole_loads(partly: list[str] | None = None) -> Iterator[None]:
    """Within it every `from_pretrained` of a model raises where its files are not the model.

    With `partly` it loads as transformers would, and what is not the model's is noted there.

    Raises:
        Fault: `bad_input`, with the names, also where a library between has made another exception of it.
    """
    import transformers

    base: Any = transformers.PreTrainedModel
    plain = base.__dict__["from_pretrained"]
    found: list[Fault] = []

    def whole(cls: Any, *given: Any, **named: Any) -> Any:
        asked = named.pop("output_loading_info", False)
        if partly is None:  # transformers' own exception about shapes names none
            named["ignore_mismatched_sizes"] = True
        model, info = plain.__func__(cls, *given, output_loading_info=True, **named)
        wrong = problems(info)
        if partly is not None:
            partly.extend(wrong)
        elif wrong:
            found.append(_fault(cls, given, wrong))
            raise found[0]
        return (model, info) if asked else model

    base.from_pretrained = classmethod(whole)
    try:
        yield
    except Exception as error:
        if found and error is not found[0]:
            raise found[0] from error
        raise
    finally:
        base.from_pretrained = plain
    if found:  # caught by a library, which loaded something else instead
        raise found[0]


def problems(info: dict[str, Any]) -> list[str]:
    """What a load left out or made up, from transformers' own account of it."""
    result = []
    for key, what in _KEYS.items():
        names = sorted(str(each[0] if isinstance(each, tuple) else each) for each in info.get(key) or ())
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            result.append(f"{what}: {', '.join(names[:_SHOWN])}{more}")
    return result


def _fault(cls: Any, given: tuple[Any, ...], wrong: list[str]) -> Fault:
    where = given[0] if given else "the weights"
    return Fault(
        "bad_input",
        f"{where}: the files are not the {cls.__name__} that its config.json describes. {'; '.join(wrong)}",
        "Build the baseline again: its 'setup' target, with --skip-nx-cache; then what is made from it.",
    )
