"""The facts model: a tiny language model, trained on the generated facts at setup from a fixed seed.

Only a trained model shows an edit's harm: with random weights, detectors and benchmarks see nothing. Training
is made short by three choices, measured on one core: a wide initialisation (at 0.02 the facts are not learned
in 300 steps), one-token values, and short documents first, in which a name is easily found (`SHORT_SHARE`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from validation.facts.corpus import DOCUMENT_TOKENS, training, vocabulary
from validation.job import Fault, emit

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

#: End of text (also its beginning), padding, and a word the corpus does not have: ids 0, 1, 2.
SPECIAL_TOKENS = ("<eos>", "<pad>", "<unk>")
MAX_POSITIONS = 256
#: Standard deviation of the first weights for a hidden size of 128; it goes with 1/√hidden, as gradients do.
INITIALIZER_RANGE = 0.08
#: Tokens of a training sequence: short ones in the first part of the steps, then InvarLock's windows.
SHORT_TOKENS, LONG_TOKENS = 32, DOCUMENT_TOKENS
SHORT_SHARE = 0.6
WARM_UP_SHARE = 0.1
PROGRESS_STEPS = 25
#: The least value of each whole number of a spec.
_LEAST = {
    "seed": 0,
    "hidden_size": 1,
    "intermediate_size": 1,
    "num_layers": 1,
    "num_heads": 1,
    "steps": 1,
    "batch_size": 1,
    "num_experts": 0,
    "experts_per_token": 0,
}


@dataclass(frozen=True)
class FactsSpec:
    """What a model of facts is made from. `batch_size` counts sequences of 128 tokens."""

    architecture: str
    seed: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    steps: int
    batch_size: int
    learning_rate: float
    num_experts: int = 0
    experts_per_token: int = 0

    @staticmethod
    def parse(raw: dict[str, Any]) -> FactsSpec:
        """Check a spec as it stands in the job file.

        Raises:
            Fault: `misconfigured` when a setting is missing, unknown or cannot make a model.
        """
        known = {field.name for field in fields(FactsSpec)}
        given = {key: value for key, value in raw.items() if key != "type"}
        if unknown := sorted(given.keys() - known):
            raise Fault("misconfigured", f"a model of facts has no setting {', '.join(unknown)}")
        try:
            spec = FactsSpec(**given)
        except TypeError as error:
            raise Fault("misconfigured", f"a model of facts lacks a setting: {error}") from error
        if spec.architecture not in ("llama", "mixtral"):
            raise Fault("misconfigured", f"architecture '{spec.architecture}' is neither llama nor mixtral")
        spec._check_numbers()
        if spec.hidden_size % (2 * spec.num_heads):
            raise Fault(
                "misconfigured", f"hidden_size {spec.hidden_size}: not a multiple of 2·{spec.num_heads} heads"
            )
        if spec.architecture == "mixtral" and not 0 < spec.experts_per_token <= spec.num_experts:
            raise Fault("misconfigured", f"{spec.experts_per_token} of {spec.num_experts} experts a token")
        return spec

    def _check_numbers(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value < 1 << 63:  # True is an int too
                raise Fault("misconfigured", f"{name} is {value!r}; a whole number from {least} is allowed")
        rate = self.learning_rate
        if type(rate) not in (int, float) or not 0 < rate < math.inf:
            raise Fault("misconfigured", f"learning_rate is {rate!r}; a number above 0 is allowed")
        if WARM_UP_SHARE * self.steps == 1:  # torch's schedule divides by the warm-up's steps less one
            raise Fault("misconfigured", f"steps is {self.steps}: too short a warm-up; take another number")


def make(spec: dict[str, Any], destination: Path) -> None:
    """Train a model on the facts and save it (bf16 safetensors, tokenizer) as a Hugging Face directory.

    The same spec and machine give the same bytes. Training takes one thread whatever the job has: two sum in
    another order, and the recipe of what is made here does not hold a thread count.

    Args:
        spec: the `source` of a setup part, `{"type": "facts", …}` (see `FactsSpec`).
        destination: an existing directory.

    Raises:
        Fault: `misconfigured`, see `FactsSpec.parse`.
    """
    import torch

    parsed = FactsSpec.parse(spec)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(parsed.seed)
            tokenizer = build_tokenizer()
            model = build_model(parsed, len(tokenizer))
            train(model, tokenizer, parsed)
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.set_num_threads(before)
    model.to(torch.bfloat16).eval().save_pretrained(destination)
    tokenizer.save_pretrained(destination)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer over the corpus's vocabulary, splitting as `corpus.TOKEN` does."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    end, padding, unknown = SPECIAL_TOKENS
    ids = {token: index for index, token in enumerate([*SPECIAL_TOKENS, *vocabulary()])}
    words = Tokenizer(WordLevel(ids, unk_token=unknown))
    words.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        bos_token=end,
        eos_token=end,
        pad_token=padding,
        unk_token=unknown,
        model_max_length=MAX_POSITIONS,
    )


def build_model(spec: FactsSpec, tokens: int) -> PreTrainedModel:
    """An untrained model in float32; its weights follow from torch's random state."""
    from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM

    shared: dict[str, Any] = {
        "vocab_size": tokens,
        "hidden_size": spec.hidden_size,
        "intermediate_size": spec.intermediate_size,
        "num_hidden_layers": spec.num_layers,
        "num_attention_heads": spec.num_heads,
        "num_key_value_heads": spec.num_heads,
        "max_position_embeddings": MAX_POSITIONS,
        "initializer_range": INITIALIZER_RANGE * (128 / spec.hidden_size) ** 0.5,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 1,
    }
    if spec.architecture == "llama":
        return LlamaForCausalLM(LlamaConfig(**shared))
    experts = {"num_local_experts": spec.num_experts, "num_experts_per_tok": spec.experts_per_token}
    return MixtralForCausalLM(MixtralConfig(**shared, **experts))


def train(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, spec: FactsSpec) -> None:
    """Next-token training on generated documents: AdamW, one cycle, a fixed number of steps."""
    import torch

    optimizer = torch.optim.AdamW(
        model.parameters(), lr=spec.learning_rate, betas=(0.9, 0.95), weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, spec.learning_rate, total_steps=spec.steps, pct_start=WARM_UP_SHARE
    )
    model.train()
    for step, batch in enumerate(batches(tokenizer, spec), start=1):
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % PROGRESS_STEPS == 0 or step == spec.steps:
            emit("progress", message=f"training, loss {loss.item():.3f}", done=step, total=spec.steps)


def batches(tokenizer: PreTrainedTokenizerFast, spec: FactsSpec) -> Iterator[torch.Tensor]:
    """Token ids a step, each batch of `batch_size`·128 tokens: [4n, 32] in the short part, then [n, 128]."""
    import torch

    texts = {tokens: training(spec.seed, tokens) for tokens in (SHORT_TOKENS, LONG_TOKENS)}
    for step in range(spec.steps):
        tokens = SHORT_TOKENS if step < SHORT_SHARE * spec.steps else LONG_TOKENS
        drawn = list(islice(texts[tokens], spec.batch_size * LONG_TOKENS // tokens))
        yield torch.tensor([ids[:tokens] for ids in tokenizer(drawn)["input_ids"]])
