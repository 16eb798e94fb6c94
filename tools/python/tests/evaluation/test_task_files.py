"""Own task files and what they include: read as lm-eval reads them, with nothing of them run."""

from __future__ import annotations

from pathlib import Path

import pytest
from lm_eval.tasks import TaskManager

from validation.evaluation.lm_eval_adapter import TaskSource
from validation.evaluation.task_files import scan
from validation.job import Fault

#: Leaves a mark where it is loaded.
MARK = "open({mark!r}, 'w').close()\ndef it(doc):\n    return doc\n"


def write(root: Path, **files: str) -> Path:
    """Files by their paths, `__` for a slash; the directory of the tasks."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / "tasks"


def chain(root: Path) -> Path:
    """A task, what it includes, and what that includes: each with Python beside it."""
    return write(
        root,
        tasks__mine_dot_yaml="include: ../shared/base.yaml\ntask: mine\ntag: all\n",
        shared__base_dot_yaml="include: [deep/last.yml]\nprocess_docs: !function code.utils.it\n",
        shared__code__utils_dot_py=MARK.format(mark=str(root / "ran")),
        shared__deep__last_dot_yml=(
            "dataset_path: org/data\ntask: last\n"
            "output_type: multiple_choice\ndoc_to_text: !function score.it\n"
        ),
        shared__deep__score_dot_py=MARK.format(mark=str(root / "ran")),
    )


def test_a_chain_of_includes_is_followed_and_nothing_of_it_runs(tmp_path: Path) -> None:
    found = scan(chain(tmp_path))
    shared = tmp_path / "shared"
    assert found.names == {"mine", "all"}
    assert not found.local  # the data of the last one are the hub's
    assert found.code == {
        str(shared / "base.yaml"): ["!function code.utils.it"],
        str(shared / "deep" / "last.yml"): ["!function score.it"],
    }
    assert found.outside == {
        *(shared / "base.yaml", shared / "code" / "utils.py"),
        *(shared / "deep" / "last.yml", shared / "deep" / "score.py"),
    }
    assert not (tmp_path / "ran").exists()


def test_lm_eval_reads_the_same_and_runs_it(tmp_path: Path) -> None:
    """So that the scan speaks of what would happen."""
    from lm_eval.tasks._yaml_loader import load_yaml

    tasks = chain(tmp_path)
    manager = TaskManager(include_path=tasks, include_defaults=False)
    assert set(manager.all_tasks) == scan(tasks).names
    assert manager.task_index["mine"].cfg["dataset_path"] == "org/data"
    assert not (tmp_path / "ran").exists()
    load_yaml(tasks / "mine.yaml")
    assert (tmp_path / "ran").exists()


def test_code_of_an_included_file_is_asked_about(tmp_path: Path) -> None:
    tasks = chain(tmp_path)
    with pytest.raises(Fault, match=r"shared/base\.yaml: !function code\.utils\.it") as caught:
        TaskSource(tasks).require_trusted()
    assert "deep/last.yml: !function score.it" in str(caught.value)
    TaskSource(tasks, trusted=True).require_trusted()


def test_code_of_a_file_that_is_no_yaml_by_its_name(tmp_path: Path) -> None:
    tasks = write(
        tmp_path,
        tasks__mine_dot_yaml="include: base\ntask: mine\n",
        tasks__base="process_docs: !function utils.it\n",
        tasks__utils_dot_py="",
    )
    found = scan(tasks)
    assert found.code == {"base": ["!function utils.it"]}
    assert found.outside == frozenset() and found.local


def test_a_group_and_its_tasks_by_includes(tmp_path: Path) -> None:
    tasks = write(
        tmp_path,
        tasks__group_dot_yaml="include: ../shared/group.yaml\ngroup: whole\n",
        tasks__one_dot_yaml="include: ../shared/one.yaml\ntask: one\n",
        shared__group_dot_yaml="task: [one, {task: two, process_docs: !function utils.it}]\n",
        shared__one_dot_yaml="task: other\ndataset_path: json\n",
    )
    found = scan(tasks)
    assert found.names == {"whole", "one"} and found.local
    assert found.code == {str(tmp_path / "shared" / "group.yaml"): ["!function utils.it"]}
    assert found.outside == {tmp_path / "shared" / "group.yaml", tmp_path / "shared" / "one.yaml"}


def test_hidden_files_are_in_no_digest_of_the_directory(tmp_path: Path) -> None:
    tasks = write(
        tmp_path,
        tasks__mine_dot_yaml="include: .base.yaml\ntask: mine\n",
        tasks___dot_base_dot_yaml="dataset_path: json\n",
    )
    left = tasks / ".ipynb_checkpoints" / "mine-checkpoint.yaml"
    left.parent.mkdir()
    left.write_text("task: older\nprocess_docs: !function utils.it\n")
    found = scan(tasks)
    assert found.outside == {tasks / ".base.yaml"}
    assert found.names == {"mine"} and not found.code


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("include: no.yaml\n", "includes no.yaml, which is not there"),
        ("include: mine.yaml\n", "includes mine.yaml, which includes it"),
        ("include: [3]\n", "include is 3, not a path"),
        ("include: ../shared/broken.yaml\n", "broken.yaml: not a task definition"),
    ],
)
def test_includes_that_lead_nowhere(tmp_path: Path, text: str, said: str) -> None:
    tasks = write(tmp_path, tasks__mine_dot_yaml=text, shared__broken_dot_yaml="a: [\n")
    with pytest.raises(Fault, match=said.replace(".", r"\.")) as caught:
        scan(tasks)
    assert caught.value.code == "misconfigured"


def test_a_link_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    tasks = chain(tmp_path)
    (tasks / "linked.yaml").symlink_to(tmp_path / "shared" / "base.yaml")
    with pytest.raises(Fault, match=r"linked\.yaml: a link to .*shared/base\.yaml") as caught:
        scan(tasks)
    assert "include" in caught.value.hint


def test_what_is_read_from_outside_must_have_been_known(tmp_path: Path) -> None:
    source = TaskSource(chain(tmp_path), trusted=True)
    shared = tmp_path / "shared"
    known = [shared / "base.yaml", shared / "code" / "utils.py", shared / "deep" / "last.yml"]
    with pytest.raises(Fault, match=r"not known when its projects were made: .*deep/score\.py$") as caught:
        source.require_known(known)
    assert "nx g ./tools:suite" in caught.value.hint
    source.require_known([*known, shared / "deep" / "score.py"])
