"""Measures of a cell's process, checked against what a process of known size does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from repository import PYTHON_ROOT

from validation import usage as module
from validation.usage import usage

MEBIBYTE = 1 << 20


def measured(script: str) -> dict[str, Any]:
    """`usage()` of a new process after a script.

    A shell stands between: a process that is executed keeps the peak of the one it was forked from,
    which here is pytest with all it has imported.
    """
    code = f"import json\n{script}\nfrom validation.usage import usage\nprint(json.dumps(usage()))"
    environment = {**os.environ, "PYTHONPATH": str(PYTHON_ROOT)}
    done = subprocess.run(
        ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    value: dict[str, Any] = json.loads(done.stdout)
    return value


@pytest.mark.skipif(sys.platform != "linux", reason="bytes written are read from /proc")
def test_memory_and_writes_of_the_process_and_its_children(tmp_path: Path) -> None:
    before = measured("")
    child = f"open({str(tmp_path / 'child')!r}, 'wb').write(bytes(4 << 20))"
    after = measured(
        "import subprocess, sys\n"
        "block = bytearray(200 << 20)\n"
        f"open({str(tmp_path / 'own')!r}, 'wb').write(block[: 8 << 20])\n"
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    assert after["peak_rss_bytes"] - before["peak_rss_bytes"] > 150 * MEBIBYTE
    assert 12 * MEBIBYTE <= after["bytes_written"] - before["bytes_written"] < 13 * MEBIBYTE
    # No CUDA was used, and asking imports nothing.
    assert before["peak_gpu_bytes"] is None


def test_tensors_of_every_gpu_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = [3 << 30, 5 << 30]
    cuda = SimpleNamespace(
        is_initialized=lambda: True, device_count=lambda: 2, max_memory_allocated=lambda device: peaks[device]
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert usage()["peak_gpu_bytes"] == 8 << 30


@pytest.mark.parametrize("text", [None, "", "rchar: 1\n", "wchar: many\n", "nonsense"])
def test_where_the_system_does_not_count_writes_none_are_claimed(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "io"
    if text is not None:
        path.write_text(text)
    assert module._bytes_written(path) is None
