"""The kept index of lm-eval's own tasks: always the one that lm-eval makes, and made only if it must be."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from lm_eval.tasks import TaskManager, manager
from lm_eval.tasks._index import TaskIndex

from validation.evaluation.lm_eval_adapter import task_manager
from validation.evaluation.task_index import index_of


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A few tasks instead of thousands: a tag by an included file, a group, and a task told twice."""
    root = tmp_path / "few"
    (root / "deep").mkdir(parents=True)
    (root / "_base").write_text("tag: [shared]\ndataset_path: json\n")
    (root / "a.yaml").write_text("include: _base\ntask: own_a\n")
    (root / "deep" / "a.yaml").write_text("task: own_a\ndataset_path: csv\n")
    (root / "deep" / "b.yaml").write_text("task: own_b\ndataset_path: json\n")
    (root / "group.yaml").write_text("group: both\ntag: shared\ntask: [own_a, own_b]\n")
    (root / "none.yaml").write_text("- no task\n")
    return root


def said(index: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [(name, each.name, each.kind, each.yaml_path, each.tags) for name, each in index.items()]


def of_lm_eval(root: Path) -> list[tuple[Any, ...]]:
    return said(TaskIndex.build([root]))


@pytest.fixture
def never_built(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on lm-eval builds no index."""

    def stop() -> None:
        def build(*_: Any, **__: Any) -> Any:
            raise AssertionError("built again")

        monkeypatch.setattr(TaskIndex, "build", staticmethod(build))

    return stop


def test_it_is_lm_evals_when_made_and_when_kept(
    few: Path, tmp_path: Path, never_built: Callable[[], None]
) -> None:
    kept, wanted = tmp_path / "kept.json", of_lm_eval(few)
    assert len(wanted) == 4
    assert said(index_of(few, kept)) == wanted
    never_built()
    assert said(index_of(few, kept)) == wanted


def test_a_copy_of_the_tasks_elsewhere_has_its_own_paths(
    few: Path, tmp_path: Path, never_built: Callable[[], None]
) -> None:
    index_of(few, tmp_path / "kept.json")
    moved = few.rename(tmp_path / "moved")
    wanted = of_lm_eval(moved)
    never_built()
    assert said(index_of(moved, tmp_path / "kept.json")) == wanted


def _flip(text: str) -> str:
    return text.replace("own_b", "own_c")


DAMAGE: dict[str, Callable[[str], str]] = {
    "cut": lambda text: text[: len(text) // 2],
    "a name changed": _flip,
    "empty": lambda _: "",
    "another's": lambda _: '{"form": 1}\n[]\n',
    "an older form": lambda text: text.replace('"form": 1', '"form": 0'),
    "of other tasks": lambda text: text.replace('"of": "', '"of": "0'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_made_anew(
    few: Path, tmp_path: Path, damage: str, never_built: Callable[[], None]
) -> None:
    kept, wanted = tmp_path / "kept.json", of_lm_eval(few)
    index_of(few, kept)
    whole = kept.read_text()
    kept.write_text(DAMAGE[damage](whole))
    assert kept.read_text() != whole
    assert said(index_of(few, kept)) == wanted
    assert kept.read_text() == whole
    never_built()
    assert said(index_of(few, kept)) == wanted


def test_a_file_that_is_no_text_is_made_anew(few: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_bytes(b"\xff\xfe\x00")
    assert said(index_of(few, kept)) == of_lm_eval(few)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a task more": lambda root: (root / "c.yaml").write_text("task: own_c\n"),
    "a task less": lambda root: (root / "deep" / "b.yaml").unlink(),
    "an included file": lambda root: (root / "_base").write_text("tag: [others]\ndataset_path: json\n"),
    "as long as before": lambda root: (root / "deep" / "b.yaml").write_text(
        "task: own_z\ndataset_path: json\n"
    ),
    "renamed": lambda root: (root / "a.yaml").rename(root / "z.yaml"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_tasks_have_another_index(few: Path, tmp_path: Path, change: str) -> None:
    kept = tmp_path / "kept.json"
    before = said(index_of(few, kept))
    CHANGES[change](few)
    wanted = of_lm_eval(few)
    assert wanted != before
    assert said(index_of(few, kept)) == wanted


def test_where_it_cannot_be_kept_it_is_made_and_told(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "not" / "there.json"
    assert said(index_of(few, nowhere)) == of_lm_eval(few)
    assert f"cannot be kept in {nowhere}: No such file or directory" in capsys.readouterr().err


def _again_and_again(few: Path, kept: Path) -> None:
    wanted = of_lm_eval(few)
    for turn in range(20):
        if turn % 4 == os.getpid() % 4:
            kept.write_text("damaged")
        assert said(index_of(few, kept)) == wanted


def test_many_at_once_never_have_a_wrong_one(few: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "kept.json"
    kept.parent.mkdir()
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_again_and_again, args=(few, kept)) for _ in range(4)]
    for each in processes:
        each.start()
    for each in processes:
        each.join(60)
    assert [each.exitcode for each in processes] == [0, 0, 0, 0]
    assert [each.name for each in kept.parent.iterdir()] == ["kept.json"]


def test_tasks_of_a_suite_go_before_lm_evals_own(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "b.yaml").write_text("task: own_b\ndataset_path: csv\n")
    monkeypatch.setattr(manager, "__file__", str(few / "manager.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    plain, ours = TaskManager(include_path=mine), task_manager(mine, True)
    assert ours.all_tasks == plain.all_tasks == ["both", "own_a", "own_b", "shared"]
    assert said(ours.task_index) == said(plain.task_index)
    assert ours.task_index["own_b"].cfg["dataset_path"] == "csv"
    assert task_manager(mine, False).all_tasks == ["own_b"]
    assert (tmp_path / "lm-eval-tasks.json").is_file()
