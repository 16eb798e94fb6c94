"""The job file, events, exit codes: what the executor and a cell's process agree on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from repository import PYTHON_ROOT

from validation.__main__ import main
from validation.job import EXIT_CODES, Fault, emit, load_job, write_json


def job_document(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "cell": "s.m.baseline:setup",
        "kind": "setup",
        "model": "m",
        "size_class": "tiny",
        "device": {"type": "cpu", "class": "cpu", "gpus": 0, "threads": 1},
        "work": "/w",
        "logs": "/l",
        "reads": {"baseline": {"path": "/b", "sha256": "0"}},
        "parts": [{"name": "setup", "spec": {}, "out": "/o", "store": None}],
        **changes,
    }


def written(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_a_job_file_is_read(tmp_path: Path) -> None:
    job = load_job(written(tmp_path / "job.json", job_document()))
    assert job.only.name == "setup"
    assert job.read("baseline").path == Path("/b")
    with pytest.raises(Fault, match="no input 'preset'"):
        job.read("preset")


@pytest.mark.parametrize(
    "document", ["", "{", "[]", "null", {"kind": "setup"}, job_document(parts=[{}]), job_document(device=3)]
)
def test_a_file_that_is_none_is_a_fault_with_its_path(tmp_path: Path, document: Any) -> None:
    path = written(tmp_path / "job.json", document)
    with pytest.raises(Fault, match="not a job file") as caught:
        load_job(path)
    assert str(path) in str(caught.value)
    assert main(["--spec", str(path)]) == EXIT_CODES["bad_input"]


def test_an_unknown_kind_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "job.json", job_document(kind="os"))
    assert main(["--spec", str(path)]) == EXIT_CODES["bad_input"]
    assert "kind 'os' is none of adopt, baseline, calibrate, certify" in capsys.readouterr().err


def test_events_are_lines_on_their_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setenv("CELL_EVENTS_FD", str(writer))
    emit("part", name="é")
    os.close(writer)
    assert json.loads(os.read(reader, 1000)) == {"event": "part", "name": "é"}
    os.close(reader)


def test_json_is_stable_and_strict(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"b": 1, "a": [1.5]})
    assert (tmp_path / "a").read_text() == '{\n  "a": [\n    1.5\n  ],\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a", {"a": float("nan")})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_process_ends_with_its_executor(tmp_path: Path) -> None:
    # The standard input is the executor's end of a pipe: closing it is what its death looks like.
    watch = "import validation.__main__ as m, time; m._end_with_the_executor()"
    program = f"{watch}; print('up', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "CELL_EVENTS_FD": "1", "PYTHONPATH": str(PYTHON_ROOT)},
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == b"up\n"
    process.stdin.close()
    assert process.wait(timeout=10) == -signal.SIGKILL
    process.stdout.close()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError("x"), "host_out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "host_out_of_memory"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"), "out_of_memory"),
        (OSError(12, "Cannot allocate memory"), "host_out_of_memory"),
        (OSError(28, "No space left on device"), "disk_full"),
        (OSError(13, "Permission denied"), "internal"),
        (KeyError("x"), "internal"),
        (Fault("bad_edit", "x"), "bad_edit"),
    ],
)
def test_every_end_has_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: Any
) -> None:
    def run(job: Any) -> None:
        raise error

    monkeypatch.setattr("validation.cells.preset.run", run)
    path = written(tmp_path / "job.json", job_document(kind="preset"))
    assert main(["--spec", str(path)]) == EXIT_CODES[code]
