"""The doctor as it is run: questions in, a finding a line out; the hub is a server on the loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from repository import PYTHON_ROOT

from validation.compute.numerics import Flash
from validation.doctor.cuda import (
    Driver,
    Torch,
    judge_compiler,
    judge_driver,
    judge_flash,
    judge_kernels,
)

#: What the hub answers for a repository: status, header `X-Error-Code`, and at which of the two questions.
ANSWERS = {
    "o/gated-unknown": (401, "GatedRepo", "auth-check"),
    "o/gated-known": (403, "GatedRepo", "auth-check"),
    "o/none": (404, "RepoNotFound", "revision"),
    "o/no-revision": (404, "RevisionNotFound", "revision"),
    "o/private": (401, "", "revision"),
    "o/forbidden": (403, "", "auth-check"),
    "o/broken": (500, "", "revision"),
    "o/portal": (200, "", "revision"),
}


class Hub(BaseHTTPRequestHandler):
    """Answers `/api/models/<name>/revision/<revision>` and `…/auth-check` as the hub does."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        name = "/".join(self.path.split("/")[3:5])
        status, code, where = ANSWERS.get(name, (200, "", ""))
        body = json.dumps(
            {"id": name, "modelId": name, "sha": "0123456789abcdef0123", "siblings": []}
        ).encode()
        if where and where in self.path:
            body = b"<html>log in</html>"
        else:
            status, code = 200, ""
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    home: Path, endpoint: str, questions: dict[str, Any], **environment: str
) -> tuple[dict[str, dict[str, str]], str]:
    """Findings by what they are of, and all that was printed."""
    run = subprocess.run(
        [sys.executable, "-m", "validation.doctor"],
        input=json.dumps({"models": [], "tasks": [], "datasets": [], "driver": None} | questions),
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
            **{"PYTHONPATH": str(PYTHON_ROOT), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
            **{
                "HF_HOME": str(home),
                "HF_ENDPOINT": endpoint,
                "NO_PROXY": "127.0.0.1",
                "CUDA_VISIBLE_DEVICES": "",
            },
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = [json.loads(line) for line in run.stdout.splitlines()]
    for one in found:
        assert set(one) == {"level", "what", "message", "fix"}
        assert "Traceback" not in one["message"]
        assert (one["fix"] != "") == (one["level"] != "ok"), one
    return {one["what"]: one for one in found}, run.stdout + run.stderr


def hub_models(*names: str) -> dict[str, Any]:
    return {
        "models": [
            {"name": name.split("/")[1], "source": {"type": "hub", "id": name}, "trust_remote_code": False}
            for name in names
        ]
    }


def cache(home: Path, name: str, files: dict[str, str]) -> None:
    """A model in the hub's cache, as a download leaves it."""
    root = home / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = root / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc")
    for file, text in files.items():
        (snapshot / file).write_text(text)


SHARDS = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})


def fill(home: Path) -> None:
    cache(home, "o/cached", {"config.json": "{}", "model.safetensors": "x"})
    cache(
        home,
        "o/half",
        {"config.json": "{}", "model.safetensors.index.json": SHARDS, "model-1.safetensors": "x"},
    )


def test_models_on_the_hub(tmp_path: Path, hub: ThreadingHTTPServer) -> None:
    fill(tmp_path)
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "config.json").write_text("{}")
    questions = hub_models("o/there", "o/cached", "o/half", *ANSWERS)
    questions["models"] += [
        {"name": "local", "source": {"type": "path", "path": str(tmp_path / "local")}},
        {"name": "elsewhere", "source": {"type": "path", "path": str(tmp_path / "elsewhere")}},
        {"name": "facts", "source": {"type": "facts"}},
    ]
    questions["models"].insert(0, {**questions["models"][0], "name": "trusted", "trust_remote_code": True})
    questions["datasets"] = ["wikitext2", "local_jsonl"]
    token = "hf_a-token-nobody-may-read"
    found, printed = ask(tmp_path, f"http://127.0.0.1:{hub.server_port}", questions, HF_TOKEN=token)
    assert token not in printed

    def said(name: str) -> tuple[str, str]:
        return found[f"model {name}"]["level"], found[f"model {name}"]["message"]

    assert said("there") == ("ok", "o/there at main: the hub has it (0123456789ab)")
    assert said("cached") == ("ok", "o/cached at main: in the local cache (1 files of weights)")
    assert said("half")[0] == "ok"  # the rest will be downloaded
    assert said("gated-unknown") == ("error", "o/gated-unknown at main: gated")
    assert said("gated-known") == ("error", "o/gated-known at main: gated")
    assert "HF_TOKEN" in found["model gated-known"]["fix"]
    for name in ("none", "no-revision"):
        assert said(name) == (
            "error",
            f"o/{name} at main: the hub has no such name or revision, or it is private",
        )
    assert said("private") == ("error", "o/private at main: the hub does not give it to you (401)")
    assert said("forbidden") == ("error", "o/forbidden at main: the hub does not give it to you (403)")
    for name in ("broken", "portal"):
        assert said(name)[0] == "error"
        assert said(name)[1].startswith(f"o/{name} at main: the hub cannot be reached (")
    assert said("local") == ("ok", str(tmp_path / "local"))
    assert said("elsewhere") == ("error", f"{tmp_path / 'elsewhere'}: no such directory")
    assert said("facts") == ("ok", "is made here")
    # The line of a model whose own code would run comes before the line of its files.
    assert said("trusted")[0] == "ok"
    assert "code of its repository is run (trust_remote_code)" in printed
    assert found["dataset wikitext2"]["message"] == "the hub has it"
    assert found["dataset local_jsonl"]["level"] == "ok"
    assert not any("resolve" in path for path in hub.asked), "nothing is downloaded"  # type: ignore[attr-defined]


def test_offline_only_the_cache_counts(tmp_path: Path, hub: ThreadingHTTPServer) -> None:
    fill(tmp_path)
    questions = hub_models("o/cached", "o/half", "o/there") | {"offline": True, "datasets": ["wikitext2"]}
    found, _ = ask(tmp_path, f"http://127.0.0.1:{hub.server_port}", questions, HF_HUB_OFFLINE="1")
    assert found["model cached"]["level"] == "ok"
    assert found["model there"]["message"] == (
        "o/there at main: not in the local cache, and the hub is not asked (offline)"
    )
    assert found["model half"]["message"] == (
        "o/half at main: incomplete in the local cache (model-2.safetensors is missing), "
        "and the hub is not asked (offline)"
    )
    assert found["dataset wikitext2"]["level"] == "error"
    assert hub.asked == []  # type: ignore[attr-defined]


def test_a_hub_that_is_not_there_and_tasks_nobody_knows(tmp_path: Path) -> None:
    fill(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    questions = hub_models("o/there", "o/cached") | {"tasks": ["arc_challenge", "no_such_task"]}
    found, _ = ask(tmp_path, f"http://127.0.0.1:{port}", questions)
    assert "cannot be reached" in found["model there"]["message"]
    assert "HF_HUB_OFFLINE" in found["model there"]["fix"]
    assert found["model cached"]["level"] == "ok"
    assert found["lm-eval tasks"]["level"] == "error"
    assert found["lm-eval tasks"]["message"] == "unknown: no_such_task"
    assert found["invarlock"]["message"] == "0.3.7"
    assert found["torch"]["level"] == "ok"


CUDA12 = Torch("2.9.0+cu128", "12.8", usable=True)
CUDA13 = Torch("2.15.0+cu132", "13.2", usable=True)


@pytest.mark.parametrize(
    ("built", "driver", "level", "words"),
    [
        (
            CUDA12,
            Driver("570.86.10", "12.8"),
            "ok",
            "driver 570.86.10 (CUDA 12.8); torch 2.9.0+cu128 is built for",
        ),
        (CUDA12, Driver("580.65.06", "13.0"), "ok", "built for CUDA 12.8"),
        (CUDA12, Driver("570.86.10", None), "ok", "driver 570.86.10;"),
        (CUDA12, Driver("535.104.05", "12.2"), "warning", "kernels that are compiled at run time may not"),
        (CUDA12, Driver("515.65.01", "11.7"), "ok", "compatibility package"),
        (
            Torch("2", "12.8", usable=False),
            Driver("515.65.01", "11.7"),
            "error",
            "needs driver 525.60.13 or newer",
        ),
        (
            Torch("2", "13.2", usable=False),
            Driver("570.86.10", "12.8"),
            "error",
            "needs driver 580.65.06 or newer",
        ),
        (Torch("2", "13.2", usable=False), Driver("590.44.01", "13.2"), "error", "finds no usable GPU"),
        (Torch("2+cpu", None, usable=False), Driver("570.86.10", "12.8"), "error", "is built for CPUs"),
        (Torch("2", "99.1", usable=False), Driver("570.86.10", "12.8"), "error", "finds no usable GPU"),
        (CUDA13, Driver("590.44.01", "13.1"), "warning", "made for CUDA 13.2 or newer"),
        (Torch("2", "13.2", usable=False), None, "ok", "no CUDA device"),
        (CUDA13, None, "ok", "nvidia-smi shows none"),
    ],
)
def test_the_driver_and_the_build_of_torch(
    built: Torch, driver: Driver | None, level: str, words: str
) -> None:
    found = judge_driver(built, driver)
    assert found["level"] == level
    assert words in f"{found['message']} {found['fix']}"
    assert (found["fix"] != "") == (level != "ok")


@pytest.mark.parametrize(
    ("capability", "known", "level"),
    [
        ((9, 0), ["sm_80", "sm_90"], "ok"),
        ((8, 9), ["sm_80", "sm_90"], "ok"),  # later minor versions run a major version's kernels
        ((10, 3), ["sm_90", "sm_100", "sm_120"], "ok"),
        ((7, 0), ["sm_75", "sm_80"], "error"),
        ((12, 0), ["sm_90", "compute_90"], "ok"),  # compiled by the driver
        ((11, 0), ["sm_90", "sm_100"], "error"),
        ((9, 0), ["sm_100", "compute_100"], "error"),
    ],
)
def test_kernels_for_the_gpu(capability: tuple[int, int], known: list[str], level: str) -> None:
    assert judge_kernels(0, "NVIDIA X", capability, known)["level"] == level


def test_what_triton_lacks_to_build_kernels_is_reported(tmp_path: Path) -> None:
    header = tmp_path / "Python.h"
    assert judge_compiler("/usr/bin/gcc", header)["level"] == "warning"
    assert "gcc or clang" not in judge_compiler("/usr/bin/gcc", header)["message"]
    assert "gcc or clang" in judge_compiler(None, header)["message"]
    header.touch()
    assert judge_compiler(None, header)["level"] == "warning"
    assert judge_compiler("/usr/bin/gcc", header)["level"] == "ok"


def test_flash_attention_is_reported_with_its_reason() -> None:
    absent = judge_flash(Flash(None, "no wheel fits"), None)
    assert absent["level"] == "ok" and absent["message"].startswith("not installed: no wheel fits;")
    assert judge_flash(Flash("2.8.3"), None)["message"] == "2.8.3"
    broken = judge_flash(Flash("2.8.3"), "no kernel image")
    assert broken["level"] == "error" and "does not work here: no kernel image" in broken["message"]


def test_this_torch_has_kernels_for_the_suites_hosts() -> None:
    known = torch.cuda.get_arch_list()
    if known:  # a build for CPUs has none
        for capability in ((8, 0), (9, 0), (10, 0)):
            assert judge_kernels(0, "NVIDIA X", capability, known)["level"] == "ok"
