"""Which models InvarLock 0.3.7 finds layers in: told from a configuration, and by the doctor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from invarlock_rig import SPEC, write_corpus

from validation.doctor.layers import unknown_structure
from validation.doctor.windows import windows
from validation.facts.corpus import held_out
from validation.facts.model import build_tokenizer

KNOWN = ("llama", "mistral", "mixtral", "qwen2", "qwen3_moe", "falcon", "gpt2", "phi3", "gemma3_text")
UNKNOWN = {
    "opt": "OPTForCausalLM",
    "gpt_neox": "GPTNeoXForCausalLM",
    "mpt": "MptForCausalLM",
    "gemma3": "Gemma3ForConditionalGeneration",
    "mamba": "MambaForCausalLM",
}


def write_config(path: Path, **config: Any) -> Path:
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config))
    return path


@pytest.mark.parametrize("family", KNOWN)
def test_of_these_it_does(tmp_path: Path, family: str) -> None:
    assert unknown_structure(write_config(tmp_path / "model", model_type=family), False) is None


@pytest.mark.parametrize("family", UNKNOWN)
def test_of_these_it_does_not(tmp_path: Path, family: str) -> None:
    assert unknown_structure(write_config(tmp_path / "model", model_type=family), False) == UNKNOWN[family]


@pytest.mark.parametrize("config", [{}, {"model_type": "nobody"}, {"model_type": "llama", "hidden_size": -1}])
def test_what_cannot_be_built_is_left_to_its_setup(tmp_path: Path, config: dict[str, Any]) -> None:
    assert unknown_structure(write_config(tmp_path / "model", **config), False) is None


def test_the_doctor_says_so_of_each_such_model_and_goes_on(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl", held_out()[:400])
    questions = []
    for name in ("opt", "llama"):
        model = write_config(tmp_path / name, model_type=name)
        build_tokenizer().save_pretrained(model)
        questions.append(
            {
                **{"model": name, "size_class": "tiny", "source": {"type": "path", "path": str(model)}},
                **{"link": "/nowhere", "invarlock": SPEC, "corpus": str(corpus)},
                "runs": [{"run": 1, "window_slice": {"index": 0, "count": 1}}],
            }
        )
    first, second = windows({"windows": questions, "work": str(tmp_path)})
    assert (first["level"], first["what"]) == ("error", "InvarLock of opt")
    assert "finds no layers in OPTForCausalLM" in first["message"]
    assert (second["level"], second["what"]) == ("ok", "windows of llama"), second
