"""The data sets of the b200 suite: its benchmarks and windows, in the schemas of their repositories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datasets import ClassLabel, Features, List, Value
from prose import Prose
from subjects import SUBJECTS

_TEXT = Value("string")


@dataclass(frozen=True)
class Config:
    """One configuration: the directory of its files, its columns, and its rows by split."""

    name: str
    directory: str
    features: Features
    splits: Mapping[str, list[dict[str, Any]]]


def repositories() -> dict[str, list[Config]]:
    """Every data set, by id."""
    return {
        "cais/mmlu": [_mmlu(subject) for subject in SUBJECTS],
        "Rowan/hellaswag": [_hellaswag()],
        "allenai/ai2_arc": [_arc("ARC-Challenge"), _arc("ARC-Easy")],
        "allenai/winogrande": [_winogrande()],
        "Salesforce/wikitext": [_wikitext()],
    }


def _mmlu(subject: str) -> Config:
    features = Features(
        question=_TEXT, subject=_TEXT, choices=List(_TEXT), answer=ClassLabel(names=["A", "B", "C", "D"])
    )

    def rows(split: str, count: int) -> Iterator[dict[str, Any]]:
        prose = Prose(f"mmlu {subject} {split}")
        for _ in range(count):
            yield {
                "question": f"In {subject.replace('_', ' ')}, what is said of {prose.noun_phrase()}?",
                "subject": subject,
                "choices": [prose.clause() for _ in range(4)],
                "answer": prose.between(0, 3),
            }

    splits = {"test": list(rows("test", 2)), "validation": list(rows("validation", 2))}
    return Config(subject, subject, features, splits | {"dev": list(rows("dev", 5))})


def _hellaswag() -> Config:
    before, after = ["activity_label", "ctx_a", "ctx_b", "ctx"], ["source_id", "split", "split_type", "label"]
    features = Features(
        {"ind": Value("int32"), **dict.fromkeys(before, _TEXT), "endings": List(_TEXT)}
        | dict.fromkeys(after, _TEXT)
    )

    def rows(split: str, count: int) -> Iterator[dict[str, Any]]:
        prose = Prose(f"hellaswag {split}")
        for index in range(count):
            first, second = prose.plain(prose.sentence()), prose.noun_phrase()
            yield {
                "ind": index * 3,
                "activity_label": prose.title(),
                "ctx_a": first,
                "ctx_b": second,
                "ctx": f"{first} {second}",
                "endings": [prose.plain(prose.clause()) + "." for _ in range(4)],
                "source_id": f"activitynet~v_{index:04d}",
                "split": split.replace("validation", "val"),
                "split_type": prose.choice(["indomain", "zeroshot"]),
                "label": "" if split == "test" else str(prose.between(0, 3)),
            }

    splits = {split: list(rows(split, count)) for split, count in _SIZES}
    return Config("default", "data", features, splits)


#: Enough for five examples before a question; tests are quick.
_SIZES = (("train", 24), ("test", 16), ("validation", 16))


def _arc(name: str) -> Config:
    features = Features(
        id=_TEXT, question=_TEXT, choices={"text": List(_TEXT), "label": List(_TEXT)}, answerKey=_TEXT
    )

    def rows(split: str, count: int) -> Iterator[dict[str, Any]]:
        prose = Prose(f"{name} {split}")
        for index in range(count):
            # Some questions of ARC number their choices, and some have three or five.
            many = prose.choice([4, 4, 4, 4, 3, 5])
            labels = list("12345" if index % 7 == 3 else "ABCDE")[:many]
            yield {
                "id": f"{name.upper()}_{split}_{index}",
                "question": f"Why was it that {prose.plain(prose.clause())}?",
                "choices": {"text": [prose.plain(prose.clause()) for _ in labels], "label": labels},
                "answerKey": prose.choice(labels),
            }

    return Config(name, name, features, {split: list(rows(split, count)) for split, count in _SIZES})


def _winogrande() -> Config:
    features = Features(dict.fromkeys(["sentence", "option1", "option2", "answer"], _TEXT))

    def rows(split: str, count: int) -> Iterator[dict[str, Any]]:
        prose = Prose(f"winogrande {split}")
        for _ in range(count):
            one, two = prose.noun_phrase(), prose.noun_phrase()
            yield {
                "sentence": f"{prose.clause()} because _ {prose.choice(['was', 'seemed'])} {prose.title()}.",
                "option1": one,
                "option2": two,
                "answer": "" if split == "test" else prose.choice(["1", "2"]),
            }

    splits = {split: list(rows(split, count)) for split, count in _SIZES}
    return Config("winogrande_xl", "winogrande_xl", features, splits)


def _wikitext() -> Config:
    sizes = {"test": 2600, "train": 2600, "validation": 2600}
    splits = {split: list(_articles(split, count)) for split, count in sizes.items()}
    return Config("wikitext-2-raw-v1", "wikitext-2-raw-v1", Features(text=_TEXT), splits)


def _articles(split: str, count: int) -> Iterator[dict[str, Any]]:
    """Rows as wikitext has them: a quarter blank, a quarter headings, a few paragraphs very long."""
    prose = Prose(f"wikitext {split}")
    for index in range(count):
        article, part = divmod(index, 12)
        match part:
            case 0 | 2 | 6:
                yield {"text": ""}
            case 1:
                yield {"text": f" = {prose.title()} = \n"}
            case 5 | 9:
                heading = "= " * (2 if part == 5 else 3)
                yield {"text": f" {heading}{prose.title()} {heading.strip()} \n"}
            case _:
                words = 2400 if part == 7 and article % 40 == 3 else prose.between(40, 330)
                yield {"text": f" {prose.paragraph(words)} \n"}
