"""Log-likelihoods of shared prefixes against lm-eval's own, on tiny models of every family."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import family_models as families
import pytest
import torch
import transformers
from lm_eval.models.huggingface import HFLM
from weights_rig import write_tokenizer

from validation.evaluation.prefixes import plan as planning
from validation.evaluation.prefixes.forward import Forward
from validation.evaluation.prefixes.model import SharedPrefixLM
from validation.evaluation.prefixes.packed import Packed
from validation.evaluation.prefixes.packed_attention import flash_takes
from validation.evaluation.prefixes.scores import Scores
from validation.evaluation.prefixes.ways import Way, way_of

#: In float32 two ways of adding the same numbers up differ by no more.
BOUND = 1e-4
#: What a family goes lm-eval's way for, or that it knows positions by their order.
LINES = ("falcon heads", "mpt", "bloom")
MASKED = (
    *(
        "gemma2",
        "gpt_oss",
        "llama4",
        "llama4_text",
        "deepseek_v2",
        "deepseek_v3",
        "falcon",
        "gptj",
        "codegen",
    ),
    *("falcon multi-query", "gpt_bigcode", "gpt_bigcode multi-query", "persimmon"),
)
WHOLE = ("qwen3_next", "qwen3_5")


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    """Rows so short that tiny requests have trunks and branches; lm-eval tells of each one it cuts."""
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    with mock.patch.multiple(planning, ROW=40, BRANCHES=12, TRUNK=12):
        yield


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(directory)
    return transformers.AutoTokenizer.from_pretrained(directory)


def some() -> list[Any]:
    """Shots, questions and endings of several tokens; twins; ends within others; too long; no context."""
    chance = random.Random(1)

    def text(length: int) -> list[int]:
        return [chance.randrange(2, families.VOCABULARY) for _ in range(length)]

    found = []
    for subject in range(2):
        shots = text(20 + 3 * subject)
        for question in range(3):
            context = shots + text(6 + question)
            found += [(("context", "ending"), context, text(1 + ending)) for ending in range(3)]
    short = text(10)
    found += [(("a", "b"), short, [5]), (("a", "c"), short, [6]), (("a", "d"), short[:4], short[4:])]
    found += [(("e", "f"), text(70), text(4)), (("g", "h"), [0], text(3)), (None, text(3), text(2))]
    found.append(found[0])
    chance.shuffle(found)
    return found


def wrapped(kind: type[HFLM], model: Any, tokenizer: Any, batch: Any = 8, device: str = "cpu") -> Any:
    return kind(
        pretrained=model,
        tokenizer=tokenizer,
        batch_size=batch,
        max_length=families.POSITIONS,
        device=device,
        softmax_dtype="float32",
    )


def way(model: Any) -> Way:
    return way_of(model.config.to_dict(), asked="auto", compiled=False, trusted=False)


def both(model: Any, tokenizer: Any, requests: list[Any]) -> tuple[list[Any], list[Any], Any]:
    """lm-eval's answers, those of shared prefixes, and the model that gave these."""
    whole = wrapped(HFLM, model, tokenizer)._loglikelihood_tokens(requests, disable_tqdm=True)
    lm = wrapped(SharedPrefixLM, model, tokenizer)
    lm.go(way(model))
    return whole, lm._loglikelihood_tokens(requests, disable_tqdm=True), lm


def assert_same(whole: list[Any], shared: list[Any], bound: float = BOUND) -> None:
    for one, other in zip(whole, shared, strict=True):
        assert other[0] == pytest.approx(one[0], abs=bound)
        assert other[1] == one[1]


@pytest.mark.parametrize("kind", [*families.KINDS, *families.MORE_KINDS, *families.PROPOSED_KINDS])
def test_every_family_answers_as_it_does_in_lm_eval(kind: str, tokenizer: Any) -> None:
    model = families.make(kind).float().eval()
    named = {"lines": LINES, "lm-eval": WHOLE, "branches": MASKED}
    expected = next((way for way, kinds in named.items() if kind in kinds), "packs")
    assert way(model).kind == expected
    whole, shared, lm = both(model, tokenizer, some())
    assert_same(whole, shared)
    used = lm.measured()
    assert used["way"] == expected and used["asked_again"] == 0
    if expected == "lm-eval":
        assert used["tokens_computed"] == used["tokens_asked"]
    else:
        assert used["tokens_computed"] < 0.6 * used["tokens_asked"]
        assert used["sample"]["difference"] < BOUND


@pytest.mark.parametrize("kind", ["llama", "gemma2", "mixtral", "gpt2", "bloom"])
def test_with_eager_attention_too(kind: str, tokenizer: Any) -> None:
    model = families.make(kind).float().eval()
    model.set_attn_implementation("eager")
    whole, shared, lm = both(model, tokenizer, some())
    assert_same(whole, shared)
    used = lm.measured()
    assert used["way"] == ("lines" if kind == "bloom" else "branches")
    assert kind in ("bloom", "gemma2") or "here its attention needs masks" in used["why"]


def test_a_sliding_window_shorter_than_a_prefix_hides_its_beginning(tokenizer: Any) -> None:
    model = families.make("mistral").float().eval()
    model.config.sliding_window = 9
    whole, shared, lm = both(model, tokenizer, some())
    assert_same(whole, shared)
    assert lm.measured()["way"] == "packs"
    model.config.sliding_window = None
    assert wrapped(HFLM, model, tokenizer)._loglikelihood_tokens(some(), disable_tqdm=True) != whole


def test_in_bf16_both_ways_differ_as_two_batch_sizes_do(tokenizer: Any) -> None:
    whole, shared, lm = both(families.make("llama").eval(), tokenizer, some())
    sample = lm.measured()["sample"]
    assert sample["trusted"] and sample["requests"] == 4
    assert max(abs(one[0] - other[0]) for one, other in zip(whole, shared, strict=True)) < 0.1


def test_answers_come_in_the_order_of_the_requests_and_into_lm_evals_cache(tokenizer: Any) -> None:
    model, requests = families.make("llama").float().eval(), some()
    _, shared, lm = both(model, tokenizer, requests)
    lm.cache_hook.add_partial = mock.Mock()
    back = lm._loglikelihood_tokens(requests[::-1], disable_tqdm=True)
    assert_same(shared, back[::-1])
    told = [(call.args[1], call.args[2]) for call in lm.cache_hook.add_partial.call_args_list]
    assert told == [
        (request[0], answer)
        for request, answer in zip(requests[::-1], back, strict=True)
        if request[0] is not None
    ]


def test_a_greedy_continuation_is_called_so(tokenizer: Any) -> None:
    model = families.make("llama").float().eval()
    context = list(range(2, 30))
    with torch.no_grad():
        made = [*context, int(model(torch.tensor([context])).logits[0, -1].argmax())]
        made.append(int(model(torch.tensor([made])).logits[0, -1].argmax()))
    likeliest = made[-2:]
    other = [likeliest[0], (likeliest[1] + 1) % families.VOCABULARY]
    requests = [((str(each), ""), context, each) for each in (likeliest, likeliest[:1], other, other[1:])]
    whole, shared, _ = both(model, tokenizer, requests)
    assert_same(whole, shared)
    assert [answer[1] for answer in shared[:3]] == [True, True, False]


def test_a_rolling_likelihood_stays_lm_evals(tokenizer: Any) -> None:
    lm = wrapped(SharedPrefixLM, families.make("llama").float().eval(), tokenizer)
    lm.go(way(lm.model))
    with mock.patch.object(SharedPrefixLM, "_computing", side_effect=AssertionError):
        lm._loglikelihood_tokens(some(), disable_tqdm=True, override_bs=4)


def test_an_answer_that_is_not_a_number_spoils_no_other(tokenizer: Any) -> None:
    """One token's embedding is NaN: behind a mask it would still be 0 times NaN for all of its row."""
    model = families.make("mistral").float().eval()
    requests = [(("c", str(each)), [*range(2, 30), each], [40, 41]) for each in (50, 51, 52, 53)]
    with torch.no_grad():
        model.get_input_embeddings().weight[51] = math.nan
    whole, shared, lm = both(model, tokenizer, requests)
    assert [math.isnan(answer[0]) for answer in whole] == [False, True, False, False]
    for one, other in zip(whole, shared, strict=True):
        assert other[0] == pytest.approx(one[0], abs=BOUND, nan_ok=True)
    assert lm.measured()["asked_again"] >= 1


def test_answers_beyond_the_bound_send_the_evaluation_lm_evals_way(
    tokenizer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    model = families.make("gpt2").float().eval()
    lm = wrapped(SharedPrefixLM, model, tokenizer)
    lm.go(way(model))
    true = Scores.answers

    def wrong(self: Scores) -> Any:
        for each in true(self):
            yield replace(each, logprob=each.logprob - 1.0)

    with mock.patch.object(Scores, "answers", wrong):
        answers = lm._loglikelihood_tokens(some(), disable_tqdm=True)
    whole = wrapped(HFLM, model, tokenizer)._loglikelihood_tokens(some(), disable_tqdm=True)
    assert answers == whole
    used = lm.measured()
    assert used["way"] == "lm-eval" and not used["sample"]["trusted"]
    assert used["tokens_computed"] > used["tokens_asked"]  # both ways
    assert "this evaluation goes lm-eval's way" in capsys.readouterr().err
    assert lm._loglikelihood_tokens(some(), disable_tqdm=True) == whole
    assert lm.measured()["sample"] is None


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_device_short_of_memory_is_given_less_at_a_time(attention: str, tokenizer: Any) -> None:
    model = families.make("llama").float().eval()
    model.set_attn_implementation(attention)
    lm = wrapped(SharedPrefixLM, model, tokenizer)
    lm.go(way(model))
    expected = lm._loglikelihood_tokens(some(), disable_tqdm=True)
    sizes = []

    def short(true: Any, most: int, size: Any) -> Any:
        def tried(self: Any, given: Any, *more: Any) -> Any:
            sizes.append(size(given))
            if sizes[-1] > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return true(self, given, *more)

        return tried

    rows = mock.patch.object(Forward, "_rows", short(Forward._rows, 2, len))
    packs = mock.patch.object(Packed, "pack", short(Packed.pack, 90, lambda pack: len(pack.tokens)))
    with packs if attention == "sdpa" else rows:
        with pytest.raises(torch.OutOfMemoryError):  # a size that the suite gives is kept
            lm._loglikelihood_tokens(some(), disable_tqdm=True)
        with mock.patch.object(SharedPrefixLM, "_sample", return_value=mock.Mock(trusted=True)):
            lm.batch_size_per_gpu, lm.max_batch_size = "auto", 8
            assert_same(expected, lm._loglikelihood_tokens(some(), disable_tqdm=True))
    assert max(sizes) > (90 if attention == "sdpa" else 2)


def test_a_model_on_a_gpu_without_such_attention_has_masks(tokenizer: Any) -> None:
    lm = wrapped(SharedPrefixLM, families.make("llama").float().eval(), tokenizer)
    with mock.patch("validation.evaluation.prefixes.model.flash_takes", return_value=False):
        lm.go(way(lm.model))
    assert lm.measured()["way"] == "branches"
    cuda = torch.device("cuda")
    with mock.patch("torch.cuda.get_device_capability", return_value=(8, 0)):
        assert flash_takes(128, torch.bfloat16, cuda)
        assert not flash_takes(128, torch.float32, cuda) and not flash_takes(320, torch.bfloat16, cuda)
    with mock.patch("torch.cuda.get_device_capability", return_value=(7, 5)):
        assert not flash_takes(128, torch.bfloat16, cuda)


def test_attention_that_packs_do_not_know_is_an_error(tokenizer: Any) -> None:
    model = families.make("gemma2").float().eval()
    lm = wrapped(SharedPrefixLM, model, tokenizer)
    lm.go(Way("packs", "forced"))
    lm.way = Way("packs", "forced")
    with pytest.raises(RuntimeError, match="attention that packs do not know"):
        lm._loglikelihood_tokens(some(), disable_tqdm=True)
    assert model.config._attn_implementation != "shared_prefixes"
