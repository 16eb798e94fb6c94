"""The hub of test/hub, for Python's tests: started once a module, with an HF_HOME for each test."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repository import PYTHONPATH, REPOSITORY


@dataclass(frozen=True)
class Hub:
    """A running hub: rules say what it does ill, requests what it was asked."""

    url: str

    def rule(self, *rules: dict[str, Any]) -> None:
        """The latest rule goes before earlier ones; see test/hub/rules.mjs."""
        self._ask("POST", "rules", list(rules))

    def commit(self, kind: str, name: str, changes: dict[str, str | None]) -> str:
        """Move `main` of a repository, or make one."""
        return str(self._ask("POST", "commit", {"kind": kind, "id": name, "changes": changes})["sha"])

    def requests(self, **which: Any) -> list[dict[str, Any]]:
        """The requests so far whose fields are as given."""
        asked: list[dict[str, Any]] = self._ask("GET", "requests")
        return [each for each in asked if which.items() <= each.items()]

    def reset(self) -> None:
        """Back to a hub that does well and was asked nothing."""
        self._ask("DELETE", "rules")
        self._ask("DELETE", "requests")

    def environment(self, home: Path, **variables: str) -> dict[str, str]:
        """The environment of a process that has this hub and a cache of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        return kept | {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "PYTHONPATH": PYTHONPATH,
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            **variables,
        }

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_control/{path}", data=data, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return json.load(answer)


@contextlib.contextmanager
def serving() -> Iterator[Hub]:
    """A hub with everything it serves, until the end of the block."""
    command = ["node", str(REPOSITORY / "test" / "hub" / "serve.mjs"), "--until", "stdin-ends"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("HF_ENDPOINT="), f"the hub did not start: {line!r}"
            yield Hub(line.strip().removeprefix("HF_ENDPOINT="))
        finally:
            process.stdin.close()
            process.wait(30)


def run_python(script: str, environment: dict[str, str], *given: str, limit: int = 300) -> str:
    """What a script prints, in a process of its own: Hugging Face's libraries read the environment once."""
    done = subprocess.run(
        [sys.executable, "-c", script, *given],
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout
