"""`python -m validation.facts`: writes the smoke suite's generated held-out text and four lm-eval tasks.

All text is about invented people and follows from `CORPUS_SEED` and the word lists. The files are committed;
to rebuild them byte for byte, run `python -m validation.facts --write suites/smoke`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from validation.facts.corpus import held_out
from validation.facts.tasks import task_files


def suite_files() -> dict[str, str]:
    """Path under the suite's directory → text of every generated file."""
    files = {f"tasks/{name}": text for name, text in task_files().items()}
    files["data/heldout.jsonl"] = "".join(json.dumps({"text": text}) + "\n" for text in held_out())
    return files


def main(argv: list[str] | None = None) -> None:
    """Write the generated files of a suite."""
    parser = argparse.ArgumentParser(prog="python -m validation.facts", description=__doc__)
    parser.add_argument(
        "--write", type=Path, required=True, metavar="SUITE", help="the directory, suites/smoke"
    )
    directory: Path = parser.parse_args(argv).write
    for name, text in suite_files().items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
