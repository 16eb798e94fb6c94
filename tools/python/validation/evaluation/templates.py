"""lm-eval's templates, compiled once: lm-eval compiles one anew for every text that it makes with it.

Of MMLU's 14,000 questions with five examples each that is a minute and a half of a core, nearly all that the
making of its requests takes.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache

from validation.hub.offline import replaced

#: A task may make templates of its data, one a question.
_KEPT = 1024


def compiled_once() -> AbstractContextManager[None]:
    """Within it a template's text is compiled when it is first used; what templates give stays the same."""
    from lm_eval.utils import env

    return replaced(vars(env), {"from_string": lru_cache(_KEPT)(env.from_string)})
