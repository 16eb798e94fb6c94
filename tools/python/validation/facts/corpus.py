"""The generated corpus: sentences about the invented people, for training and for InvarLock."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import accumulate

from validation.facts.people import CORPUS_SEED, Person, people
from validation.facts.words import PAIRS, QUESTIONS, STATEMENTS

#: Tokens a document has at least: InvarLock's seq_len, so that every held-out line fills a window.
DOCUMENT_TOKENS = 128
#: Two calibrations and two certificates, each on 200 preview and 200 final lines of its own.
HELD_OUT_LINES = 4 * 400
#: How the tokenizer splits text: a word, or a run of punctuation.
TOKEN = re.compile(r"\w+|[^\w\s]+")


def sentences(person: Person) -> list[str]:
    """Every sentence the corpus may say about a person."""
    found: list[str] = []
    for attribute, value in person.values.items():
        found += [template.format(name=person.name, value=value) for template in STATEMENTS[attribute]]
        question, lead = QUESTIONS[attribute]
        found.append(f"{question.format(name=person.name)} {lead} {value}.")
    for given, beginning, asked, ending in PAIRS:
        first = beginning.format(name=person.name, value=person.values[given])
        found.append(f"{first} {ending.format(value=person.values[asked])}")
    return found


def documents(seed: str, tokens: int) -> Iterator[str]:
    """Endless documents of at least `tokens` tokens: random sentences about people drawn by their weight."""
    rng = random.Random(seed)
    sentences_of = [[(text, len(TOKEN.findall(text))) for text in sentences(person)] for person in people()]
    weights = list(accumulate(person.weight for person in people()))
    while True:
        parts: list[str] = []
        length = 0
        while length < tokens:
            (about,) = rng.choices(sentences_of, cum_weights=weights)
            text, count = rng.choice(about)
            parts.append(text)
            length += count
        yield " ".join(parts)


def training(seed: int, tokens: int) -> Iterator[str]:
    """The training text of a model with that seed, in documents of at least `tokens` tokens."""
    return documents(f"training/{seed}/{tokens}", tokens)


def held_out() -> list[str]:
    """The text that InvarLock runs on: different documents, drawn independently of any training."""
    found: dict[str, None] = {}
    source = documents(f"held-out/{CORPUS_SEED}", DOCUMENT_TOKENS)
    while len(found) < HELD_OUT_LINES:
        found.setdefault(next(source))
    return list(found)


def vocabulary() -> list[str]:
    """Every token of the corpus, sorted."""
    return sorted(
        {token for person in people() for text in sentences(person) for token in TOKEN.findall(text)}
    )
