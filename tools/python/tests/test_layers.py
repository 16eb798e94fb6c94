"""The import rules of pyproject.toml, checked on the package as it is and on copies with one wrong import."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import PYTHON_ROOT

LINTER = [sys.executable, str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A directory with the package and its rules, to change."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PYTHON_ROOT / "validation", tmp_path / "validation", ignore=ignored)
    shutil.copy(PYTHON_ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(directory: Path) -> tuple[int, str]:
    environment = {"COLUMNS": "200", "NO_COLOR": "1"}
    ended = subprocess.run(
        LINTER, cwd=directory, env=environment, capture_output=True, text=True, timeout=120
    )
    return ended.returncode, " ".join((ended.stdout + ended.stderr).split())


def append(directory: Path, module: str, line: str) -> None:
    with (directory / "validation" / f"{module}.py").open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")


def test_the_package_keeps_its_rules(copied: Path) -> None:
    code, said = lint(copied)
    assert (code, "2 kept, 0 broken" in said) == (0, True), said


@pytest.mark.parametrize(
    ("module", "line", "found"),
    [
        (
            "weights/rounding",
            "from validation.edits import base",
            "validation.weights is not allowed to import",
        ),
        (
            "variants/errors",
            "import validation.sources.profile",
            "validation.variants is not allowed to import",
        ),
        ("facts/words", "import validation.facts.people", "1 kept, 1 broken"),
    ],
    ids=["upward", "sideways", "circle within a package"],
)
def test_an_import_against_the_rules_is_found(copied: Path, module: str, line: str, found: str) -> None:
    append(copied, module, line)
    code, said = lint(copied)
    assert code == 1 and found in said, said


def test_a_package_without_a_layer_is_found(copied: Path) -> None:
    (copied / "validation" / "helpers.py").write_text("", encoding="utf-8")
    code, said = lint(copied)
    assert code == 1 and "helpers" in said, said
