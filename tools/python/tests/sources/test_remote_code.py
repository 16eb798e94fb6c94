"""A model's own code runs where the suite opts in for that model alone: in setup, lm-eval and InvarLock."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from invarlock.adapters.hf_loading import resolve_trust_remote_code
from invarlock_rig import settings_of
from weights_rig import llama_config, llama_tensors, make_job, write_model

from validation.cells import setup
from validation.evaluation.model_loading import Loading, load_model
from validation.invarlock.config import run_environment
from validation.job import Device, Fault

CODE = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM
Path({marker!r}).touch()
class OwnConfig(LlamaConfig):
    model_type = "own"
class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Is there once the model's code has run."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "modules")])
    return tmp_path / "ran"


@pytest.fixture
def model(tmp_path: Path, marker: Path) -> Path:
    """A model that only its own code can load."""
    own = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    config = llama_config(model_type="own", architectures=["OwnModel"], auto_map=own)
    path = write_model(tmp_path / "model", llama_tensors(), config=config)
    (path / "own.py").write_text(CODE.format(marker=str(marker)))
    return path


def test_setup_takes_along_and_runs_what_is_trusted(tmp_path: Path, model: Path, marker: Path) -> None:
    spec = {"source": {"type": "path", "path": str(model)}, "trust_remote_code": True}
    job = make_job(tmp_path, "setup", {"baseline": spec}, store=tmp_path / "store")
    setup.run(job)
    assert job.only.store is not None
    entry = job.only.store.root / job.only.store.recipe
    assert [path.name for path in entry.glob("*.py")] == ["own.py"]
    assert json.loads((entry / "config.json").read_text())["auto_map"]
    assert marker.exists()


def test_setup_runs_none_that_is_not_trusted(tmp_path: Path, model: Path, marker: Path) -> None:
    spec = {"source": {"type": "path", "path": str(model)}, "trust_remote_code": False}
    with pytest.raises(Fault, match=r"cannot read its config\.json") as caught:
        setup.run(make_job(tmp_path, "setup", {"baseline": spec}, store=tmp_path / "store"))
    assert caught.value.code == "bad_input" and "trust_remote_code: true" in caught.value.hint
    assert not marker.exists()


def test_an_evaluation_runs_none_that_is_not_trusted(model: Path, marker: Path) -> None:
    with pytest.raises(Fault, match="cannot be loaded") as caught:
        load_model(model, Loading(Device("cpu", "cpu", 0, 1), 1))
    assert caught.value.code == "misconfigured"
    assert not marker.exists()


def test_an_evaluation_runs_what_is_trusted(model: Path, marker: Path) -> None:
    load_model(model, Loading(Device("cpu", "cpu", 0, 1), 1, trust_remote_code=True))
    assert marker.exists()


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("inherited", ["", "0", "1"])
def test_invarlock_is_reported_whatever_the_users_environment_says(
    monkeypatch: pytest.MonkeyPatch, trusted: bool, inherited: str
) -> None:
    monkeypatch.setenv("INVARLOCK_TRUST_REMOTE_CODE", inherited)
    for name, value in run_environment(settings_of(trust_remote_code=trusted), "/c", 1).items():
        monkeypatch.setenv(name, value)
    assert resolve_trust_remote_code({}) is trusted
