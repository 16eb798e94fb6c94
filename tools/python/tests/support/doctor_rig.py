"""The doctor as it is run: questions in, a finding a line out."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

Finding = dict[str, str]


def hub_model(name: str, revision: str = "main") -> dict[str, Any]:
    """The question about a model of the hub; it is named by its id."""
    source = {"type": "hub", "id": name, "revision": revision}
    return {"name": name, "source": source, "trust_remote_code": False}


def ask(environment: dict[str, str], questions: dict[str, Any]) -> dict[str, Finding]:
    """Findings by what they are of."""
    run = subprocess.run(
        [sys.executable, "-m", "validation.doctor"],
        input=json.dumps({"models": [], "tasks": [], "datasets": [], "driver": None} | questions),
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    token = environment.get("HF_TOKEN")
    assert token is None or token not in run.stdout + run.stderr
    found: list[Finding] = [json.loads(line) for line in run.stdout.splitlines()]
    for one in found:
        assert set(one) == {"level", "what", "message", "fix"}
        assert "Traceback" not in one["message"]
        assert (one["fix"] != "") == (one["level"] != "ok"), one
    return {one["what"]: one for one in found}
