"""The windows of one run: its slice of a local corpus, in which one JSON line is one window."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from validation.invarlock.config import CORPUS_FILE, Settings, Slice
from validation.invarlock.preflight import (
    line_problems,
    load_minimums,
    number_problems,
    refuse,
    window_problems,
)
from validation.job import Fault, Job, write_text


def read_lines(corpus: Path) -> list[str]:
    """The lines of a corpus that are not blank.

    Raises:
        Fault: `bad_input` when the file cannot be read as text.
    """
    try:
        return [line for line in corpus.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise Fault("bad_input", f"{corpus}: cannot be read ({error})") from error


def slice_of(lines: list[str], settings: Settings, part: Slice) -> list[str]:
    """The lines of one run."""
    return lines[part.index * settings.windows : (part.index + 1) * settings.windows]


def text_of(line: str, field: str) -> str | None:
    """The text of a corpus line; None when InvarLock would skip the line."""
    try:
        value = json.loads(line).get(field)
    except (ValueError, AttributeError):
        return None
    return value if isinstance(value, str) and value.strip() else None


def prepare_windows(
    job: Job, settings: Settings, part: Slice, tokenizer: Callable[[], Callable[[str], list[int]]]
) -> None:
    """Check the settings against the tier's minimums and the corpus, then write the run's slice.

    Args:
        job: The job; a local corpus is its input `corpus`.
        settings: The cell's settings.
        part: The run's slice.
        tokenizer: Loads the model's tokenizer and gives its encoder, cut at `seq_len`; called at most once.

    Raises:
        Fault: `misconfigured`, with every problem found.
    """
    problems = number_problems(settings, load_minimums(settings.tier))
    if not settings.is_local:
        refuse(problems)
        return
    lines = read_lines(job.read("corpus").path)
    problems += line_problems(len(lines), settings, part)
    own = slice_of(lines, settings, part)
    first = part.index * settings.windows + 1
    texts = []
    for number, line in enumerate(own, start=first):
        text = text_of(line, settings.text_field)
        if text is None:
            problems.append(f"corpus: line {number} has no text in the field '{settings.text_field}'")
        else:
            texts.append(text)
    if len(texts) == len(own):
        problems += window_problems(texts, tokenizer(), settings, first)
    refuse(problems)
    write_text(job.work / CORPUS_FILE, "\n".join(own) + "\n")
