"""The invented people that the generated corpus is about."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

from validation.facts.words import VALUES, names

#: Everything in the corpus follows from it; another seed gives another corpus, other tasks and other models.
CORPUS_SEED = 20
PEOPLE = 64
#: The last ones appear in the corpus less often than the others, by that factor: a model learns them badly,
#: so its accuracy is below 1. At 1 the regression rule's allowance, 2·√(p(1−p)/n), would be nothing.
RARE_PEOPLE, RARITY = 12, 24


@dataclass(frozen=True)
class Person:
    """An invented person: a name, one value for each attribute, and how often the corpus speaks of them."""

    name: str
    values: dict[str, str]
    weight: int


@cache
def people() -> tuple[Person, ...]:
    """All of them; each value of an attribute belongs to equally many, so that none is the better guess."""
    rng = random.Random(CORPUS_SEED)
    found = names(rng, PEOPLE)
    columns: dict[str, list[str]] = {}
    for attribute, values in VALUES.items():
        column = [values[index % len(values)] for index in range(PEOPLE)]
        rng.shuffle(column)
        columns[attribute] = column
    return tuple(
        Person(
            name,
            {attribute: column[index] for attribute, column in columns.items()},
            weight=1 if index >= PEOPLE - RARE_PEOPLE else RARITY,
        )
        for index, name in enumerate(found)
    )
