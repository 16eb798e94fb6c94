"""The words and sentence templates of the generated corpus, and the invented names, made of syllables."""

from __future__ import annotations

import random


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(word for line in lines for word in line.split())


#: Attribute → its values. Every value is one token, so that a choice is decided by one prediction.
VALUES: dict[str, tuple[str, ...]] = {
    "city": _words(
        "Brelm Corva Dunto Eskil Farno Gilda Hovik Jesto",
        "Kalmo Lurin Mosda Nepra Ostal Pirun Quolm Rasto",
    ),
    "job": _words(
        "baker carpenter dentist farmer gardener hunter judge lawyer",
        "mason nurse pilot sailor tailor teacher waiter weaver",
    ),
    "colour": _words(
        "amber beige black blue brown crimson gold green",
        "grey lilac pink purple red silver white yellow",
    ),
    "pet": _words(
        "bat cat crab dog duck ferret fox goat",
        "hamster hen lizard mouse parrot pony rabbit turtle",
    ),
}

#: Attribute → two statements that end in its value: WinoGrande's and MMLU's.
STATEMENTS: dict[str, tuple[str, str]] = {
    "city": ("{name} lives in {value}.", "The home of {name} is {value}."),
    "job": ("{name} works as a {value}.", "The trade of {name} is {value}."),
    "colour": ("{name} likes {value}.", "The colour of {name} is {value}."),
    "pet": ("{name} has a {value}.", "The pet of {name} is a {value}."),
}

#: Attribute → a question and the words before its answer: ARC's.
QUESTIONS: dict[str, tuple[str, str]] = {
    "city": ("Where does {name} live?", "In"),
    "job": ("What does {name} do?", "A"),
    "colour": ("Which colour does {name} like?", "It is"),
    "pet": ("Which pet does {name} have?", "A"),
}

#: Two attributes in one sentence: HellaSwag's. (attribute given, beginning, attribute asked, ending)
PAIRS: tuple[tuple[str, str, str, str], ...] = (
    ("city", "{name} lives in {value} and", "job", "works as a {value}."),
    ("colour", "{name} likes {value} and", "pet", "has a {value}."),
)

_STARTS = _words("b d f g j k l m n p r s t v z br dr gr kr tr st")
_MIDDLES = _words("al an ar el en er il in ir ol on or ul un ur")
_ENDS = _words("a e i o u ia io an en in")


def names(rng: random.Random, count: int) -> list[str]:
    """`count` different invented names of two or three syllables, none of them another word of the corpus."""
    taken = {word for words in VALUES.values() for word in words}
    made: list[str] = []
    while len(made) < count:
        name = (
            rng.choice(_STARTS) + rng.choice(_MIDDLES) + rng.choice(_STARTS[:15]) + rng.choice(_ENDS)
        ).capitalize()
        if name not in taken:
            taken.add(name)
            made.append(name)
    return made
