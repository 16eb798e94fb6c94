"""A warm host with all that cells import, for real: the same bytes for every kind, no thread, no GPU."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import warm_chain
from invarlock_rig import without_run
from repository import PYTHON_ROOT, PYTHONPATH

from validation.invarlock.baseline_report import without_times
from validation.warm.preload import STAGES, stage_of
from validation.warm.sources import Sources

PACKAGE = PYTHON_ROOT / "validation"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV", "TRITON"))},
    "PYTHONPATH": PYTHONPATH,
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUDA_VISIBLE_DEVICES": "",
}
#: Written by InvarLock with times and run ids in them.
OF_INVARLOCK = ("report.json", "evaluation.cert.json")


class RealHost:
    """A warm host that has imported everything."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        arguments = ["--directory", str(directory), "--name", "h", "--key", "K", "--idle", "600"]
        subprocess.run(
            [sys.executable, "-m", "validation.warm", *arguments, "--sources", Sources(PACKAGE).digest],
            env=ENVIRONMENT,
            check=True,
            timeout=60,
        )

    def run(self, *module: str, log: Path, cwd: Path, **changes: Any) -> list[dict[str, Any]]:
        """Run `python -m module…` in a child; everything that was told of it."""
        log.touch()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._directory / "h.sock"))
            request = {
                "key": "K",
                "args": ["-m", *module],
                "cwd": str(cwd),
                "env": {**ENVIRONMENT, "CELL_EVENTS_FD": "3", **changes.pop("env", {})},
                "log": str(log),
                "umask": 0o022,
                "kind": "eval",
                **changes,
            }
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile() as lines:
                return [json.loads(line) for line in lines]

    @property
    def pid(self) -> int:
        """The host's process."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"validation.warm" in command and str(self._directory).encode() in command:
                return int(entry.name)
        raise AssertionError("no host")


@pytest.fixture(scope="module")
def host() -> Iterator[RealHost]:
    with tempfile.TemporaryDirectory(prefix="warm-") as directory:  # short: a socket's path is
        one = RealHost(Path(directory))
        yield one
        os.kill(one.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def chain(
    host: RealHost, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[str, list[dict[str, Any]]]]:
    """Every kind once forked, one on the other, and once in a process of its own on the same inputs."""
    warm, cold = tmp_path_factory.mktemp("warm"), tmp_path_factory.mktemp("cold")
    told = {}
    for kind in warm_chain.KINDS:
        job = warm_chain.job_file(warm, kind, warm)
        log = warm / kind / "log"
        told[kind] = host.run("validation", "--spec", str(job), log=log, cwd=warm / kind / "work", kind=kind)
        assert told[kind][-1] == {"event": "ended", "code": 0}, log.read_text()[-3000:]

    def alone(kind: str) -> int:
        job = warm_chain.job_file(cold, kind, warm)
        command = [sys.executable, "-m", "validation", "--spec", str(job)]
        with (cold / kind / "log").open("wb") as log:
            return subprocess.run(
                command, cwd=cold / kind / "work", env=ENVIRONMENT, stdout=log, stderr=log, check=False
            ).returncode

    with ThreadPoolExecutor(2) as pool:
        assert dict(zip(warm_chain.KINDS, pool.map(alone, warm_chain.KINDS), strict=True)) == dict.fromkeys(
            warm_chain.KINDS, 0
        )
    return warm, cold, told


@pytest.mark.parametrize("kind", warm_chain.KINDS)
def test_a_fork_leaves_the_same_bytes(chain: tuple[Path, Path, Any], kind: str) -> None:
    warm, cold, _ = chain
    outputs = [
        {
            file.relative_to(root / kind / "out"): file
            for file in (root / kind / "out").rglob("*")
            if file.is_file()
        }
        for root in (warm, cold)
    ]
    assert outputs[0].keys() == outputs[1].keys() != set()
    for name in outputs[0]:
        one, two = (each[name] for each in outputs)
        if name.name in OF_INVARLOCK and kind != "baseline":
            assert _measured(one) == _measured(two)
        else:
            assert one.read_bytes() == two.read_bytes(), name


def _measured(path: Path) -> str:
    found = without_times(without_run(json.loads(path.read_text(encoding="utf-8"))))
    return json.dumps(found, sort_keys=True)


def test_what_is_reported_of_a_fork(chain: tuple[Path, Path, dict[str, list[dict[str, Any]]]]) -> None:
    _, _, told = chain
    for kind, events in told.items():
        names = [event["event"] for event in events]
        assert names[0] == "started" and names[-2:] == ["exit", "ended"], kind
        assert names.count("part") == names.count("usage") == 1


def test_the_host_has_one_thread_and_no_gpu(host: RealHost, chain: Any) -> None:
    process = Path("/proc") / str(host.pid)
    assert len(list((process / "task").iterdir())) == 1
    open_files = [str(each.readlink()) for each in (process / "fd").iterdir()]
    assert not [path for path in open_files if path.startswith("/dev/nvidia")]
    assert not [path for path in open_files if str(chain[0]) in path]


def test_threads_are_those_of_the_cell(host: RealHost, tmp_path: Path) -> None:
    found = {}
    for threads in ("1", "2"):
        env = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        host.run("warm_threads", log=tmp_path / threads, cwd=tmp_path, env=env)
        warm = json.loads((tmp_path / threads).read_text())
        alone = subprocess.run(
            [sys.executable, "-m", "warm_threads"],
            env={**ENVIRONMENT, **env},
            capture_output=True,
            check=True,
            text=True,
        )
        assert warm == json.loads(alone.stdout)
        found[threads] = warm
    assert found["1"]["torch"] == 1 and found["2"]["torch"] == 2
    assert found["1"]["cuda"] == found["2"]["cuda"] is False


@pytest.mark.skipif(not Path("/dev/nvidia0").exists(), reason="no GPU")
def test_a_fork_has_its_own_gpus(host: RealHost, tmp_path: Path) -> None:
    host.run("warm_threads", log=tmp_path / "log", cwd=tmp_path, env={"CUDA_VISIBLE_DEVICES": "0"})
    assert json.loads((tmp_path / "log").read_text())["cuda"] is True


def test_every_kind_has_a_stage() -> None:
    named = [kind for stage in STAGES for kind in stage.kinds]
    # `data` needs a hub (hub/test_data_once.py), two something to adopt, the last two another InvarLock.
    others = ["data", "adopt", "program", "regression", "certify012"]
    assert sorted(named) == sorted([*warm_chain.KINDS, *others])
    assert stage_of("preset", STAGES) == 1
    assert stage_of("eval", STAGES) == stage_of("unknown", STAGES) == len(STAGES)
