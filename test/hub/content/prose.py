"""Sentences that read like English, from a seed: what articles, questions and answers are made of."""

from __future__ import annotations

import random


def _words(text: str) -> list[str]:
    return text.split()


_PEOPLE = _words("""
farmer sailor teacher soldier painter doctor king bishop merchant engineer writer singer captain
judge miner pilot nurse student monk clerk baker hunter weaver general mayor poet printer surgeon
""")
_THINGS = _words("""
river bridge castle harbour railway church garden mountain village tower library market ship island
forest road school temple theatre factory museum station palace valley lake mine canal field wall
engine album novel song film storm battle treaty election season match record law language species
bird stone metal crystal planet comet virus protein river mirror lamp clock letter map coin flag
drum
""")
_QUALITIES = _words("""
old new small large northern southern early late famous quiet heavy bright narrow deep royal public
private rare common ancient modern wooden iron golden green white red cold warm long short steep
local foreign formal simple complex
""")
_DEEDS = _words("""
built crossed described painted sold visited restored measured recorded defended abandoned opened
closed praised changed carried found lost planned copied named raised reached studied repaired
covered surrounded moved guarded burned
""")
_PLACES = _words("""
Aldbrook Merrow Castel Norvale Tresk Oldham Ruan Velmar Dunmere Halvik Ostra Pellin Quayle Sorrel
Tamsin Umber Wexley Yarrow Zennor Brant
""")
_LINKS = ["although", "because", "while", "after", "before", "so that", "and", "but"]
_NUMBERS = ["two", "three", "four", "five", "seven", "nine", "twelve", "twenty", "forty", "one hundred"]
WORDS = sorted({*_PEOPLE, *_THINGS, *_QUALITIES, *_DEEDS, *_PLACES})


class Prose:
    """A stream of sentences."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self.choice = self._random.choice
        self.sample = self._random.sample
        self.between = self._random.randint

    def noun_phrase(self) -> str:
        """The thing or person of a sentence."""
        pick = self.choice
        head = pick(_THINGS) if self._random.random() < 0.6 else pick(_PEOPLE)
        quality = f"{pick(_QUALITIES)} " if self._random.random() < 0.7 else ""
        place = f" of {pick(_PLACES)}" if self._random.random() < 0.3 else ""
        return f"the {quality}{head}{place}"

    def clause(self) -> str:
        """Someone did something."""
        pick = self.choice
        tail = pick(
            [
                "",
                f" in {pick(_PLACES)}",
                f" for {pick(_NUMBERS)} years",
                f" in {self.between(1400, 1990)}",
                f" with {self.noun_phrase()}",
            ]
        )
        return f"{self.noun_phrase()} {pick(_DEEDS)} {self.noun_phrase()}{tail}"

    def sentence(self) -> str:
        """One or two clauses, as wikitext writes them: blanks before punctuation."""
        text = self.clause()
        if self._random.random() < 0.5:
            text += f" , {self.choice(_LINKS)} {self.clause()}"
        return text[0].upper() + text[1:] + " ."

    def paragraph(self, words: int) -> str:
        """Sentences of at least so many words together."""
        found: list[str] = []
        count = 0
        while count < words:
            found.append(self.sentence())
            count += len(found[-1].split())
        return " ".join(found)

    def title(self) -> str:
        """A heading's words."""
        year = self.between(1000, 1999)
        return f"{self.choice(_PLACES)} {self.choice(_THINGS)} {self.choice(_NUMBERS)} {year}".title()

    def plain(self, text: str) -> str:
        """A text without wikitext's blanks before punctuation."""
        return text.replace(" ,", ",").replace(" .", ".")
