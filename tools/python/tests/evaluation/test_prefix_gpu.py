"""Packs on a GPU: flash attention of variable length, grouped-query and windows, against float32 on a CPU."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
import transformers
from lm_eval.models.huggingface import HFLM
from test_prefix_model import some, way, wrapped
from weights_rig import write_tokenizer

from validation.evaluation.prefixes.model import SharedPrefixLM

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(directory)
    return transformers.AutoTokenizer.from_pretrained(directory)


@pytest.mark.parametrize("window", [None, 9])
@pytest.mark.parametrize("batch", [8, "auto"])
def test_packs_are_as_near_to_float32_as_lm_eval_is(window: int | None, batch: Any, tokenizer: Any) -> None:
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    torch.manual_seed(1)
    shape = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8}
    config = transformers.MistralConfig(
        **shape, num_key_value_heads=2, vocab_size=128, sliding_window=window, initializer_range=0.1
    )
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    true = wrapped(HFLM, model, tokenizer)._loglikelihood_tokens(some(), disable_tqdm=True)
    model = model.to("cuda", torch.bfloat16)
    found = {}
    for kind in (HFLM, SharedPrefixLM):
        lm = wrapped(kind, model, tokenizer, batch, "cuda")
        if isinstance(lm, SharedPrefixLM):
            lm.go(way(model))
        answers = lm._loglikelihood_tokens(some(), disable_tqdm=True)
        found[kind] = max(abs(one[0] - other[0]) for one, other in zip(true, answers, strict=True))
    used = lm.measured()
    assert used["way"] == "packs" and used["sample"]["trusted"]
    assert used["tokens_computed"] < 0.6 * used["tokens_asked"]
    assert found[SharedPrefixLM] < 2 * found[HFLM]
