"""lm-eval's Hugging Face model with one method of its own: log-likelihoods at the cost of unique tokens.

Tokenisation, the order of answers, lm-eval's cache, generation and rolling likelihoods stay lm-eval's; but a
context that several answers have is tokenized once.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from torch.nn.attention import SDPBackend, sdpa_kernel

from validation.evaluation.prefixes.computing import Packs, Rows
from validation.evaluation.prefixes.forward import Forward
from validation.evaluation.prefixes.masks import Masks
from validation.evaluation.prefixes.packed import Packed
from validation.evaluation.prefixes.packed_attention import flash_takes
from validation.evaluation.prefixes.plan import Budget, Request
from validation.evaluation.prefixes.sizes import head_widths, kept_bytes, room_of, sampled_together
from validation.evaluation.prefixes.trust import Sample, compare, places, rounding
from validation.evaluation.prefixes.ways import Way

Asked = tuple[Any, list[int], list[int]]
Answered = tuple[float, bool]
#: Where batches are found by trial, the first forward passes have at least so many tokens: with fewer a GPU
#: waits for its weights.
_GPU_TOKENS = 4096
#: Texts whose tokens are remembered: lm-eval asks for those of a context between those of its answers.
_TEXTS = 8


@dataclass
class Usage:
    """What log-likelihoods cost, and how they were computed.

    Attributes:
        tokens_asked: what lm-eval would compute: every distinct request whole.
        tokens_computed: what was computed for the answers; samples of trust are not in it.
        asked_again: requests whose answer was not a number, and was asked lm-eval's way.
        sample: the last one; None where lm-eval's way was gone from the beginning.
    """

    tokens_asked: int = 0
    tokens_computed: int = 0
    asked_again: int = 0
    sample: Sample | None = None


class SharedPrefixLM(HFLM):  # type: ignore[misc]
    """HFLM; `go` says which way its log-likelihoods are computed.

    Attributes:
        way: the one gone from now on; it changes once, to lm-eval's, where a sample is beyond its bound.
        usage: since `measured` began.
        computing_seconds: what its answers took, without samples and what goes before and after.
    """

    way = Way("lm-eval", "not asked for")
    usage = Usage()
    computing_seconds = 0.0

    def go(self, way: Way) -> None:
        """Decide for a way."""
        self.way, self.usage = way, Usage()
        if way.kind == "lm-eval":
            return
        if self.backend != "causal" or self.world_size > 1 or self.model.get_output_embeddings() is None:
            self.way = Way("lm-eval", "the model is not one causal language model in one process")
            return
        if way.kind == "packs" and not self._packs():
            self.way = replace(way, kind="branches", reason=f"{way.reason}; here its attention needs masks")

    def _packs(self) -> bool:
        """Whether there is attention without masks for the model where it lies."""
        _, _, width = head_widths(self.model.config.to_dict())
        plain = self.model.config._attn_implementation == "sdpa"
        return plain and flash_takes(width, self.model.dtype, self.device)

    def measured(self) -> dict[str, Any]:
        """The way gone, and what it took until now; from here on it is counted anew."""
        used, self.usage = self.usage, Usage()
        return {"way": self.way.kind, "why": self.way.reason, **asdict(used)}

    def tok_encode(
        self,
        string: str,
        add_special_tokens: bool | None = None,
        left_truncate_len: int | None = None,
        **named: Any,
    ) -> list[int]:
        """lm-eval's, of a text that was among the last without tokenizing it again."""
        return list(self._encoded(string, add_special_tokens, left_truncate_len, **named))

    @cached_property
    def _encoded(self) -> Any:
        return lru_cache(_TEXTS)(super().tok_encode)

    def _model_generate(self, *given: Any, **named: Any) -> Any:
        with self._computes():
            return super()._model_generate(*given, **named)

    def _loglikelihood_tokens(
        self, requests: list[Asked], disable_tqdm: bool = False, override_bs: int | None = None
    ) -> list[Answered]:
        asked = [self._request(*each[1:]) for each in requests]
        unique = sum(map(len, {each.tokens for each in asked}))
        self.usage.tokens_asked += unique
        if self.way.kind == "lm-eval" or override_bs is not None or not requests:
            self.usage.tokens_computed += unique
            with self._computes():
                return self._whole(requests, disable_tqdm=disable_tqdm, override_bs=override_bs)
        with self._computes():
            found = self._computing(asked).found(asked)
        self.usage.tokens_computed += found.computed
        answers = found.answers
        strange = [place for place, answer in enumerate(answers) if math.isnan(answer[0])]
        self.usage.asked_again += len(strange)
        for place, answer in zip(strange, self._lm_evals(requests, strange), strict=True):
            answers[place] = answer
        self.usage.sample = self._sample(requests, answers, found.largest)
        if not self.usage.sample.trusted:
            self.usage.tokens_computed += unique
            return self._distrusted(requests, self.usage.sample, disable_tqdm)
        for (text, _, _), answer in zip(requests, answers, strict=True):
            if text is not None:  # of a rolling likelihood lm-eval keeps the sum only
                self.cache_hook.add_partial("loglikelihood", text, answer)
        return answers

    def _whole(self, requests: list[Asked], **named: Any) -> list[Answered]:
        return list(super()._loglikelihood_tokens(requests, **named))

    def _request(self, context: Sequence[int], continuation: Sequence[int]) -> Request:
        """The model's input, cut from the left as lm-eval cuts it."""
        whole = (*context, *continuation)[-(self.max_length + 1) :]
        return Request(whole[:-1], tuple(continuation))

    def _computing(self, requests: Sequence[Request]) -> Rows | Packs:
        """What computes them; a forward pass takes no more memory than lm-eval's at its largest batch."""
        halves = self.batch_size == "auto"  # on a GPU only; there, what is too much is halved
        rows = self.max_batch_size if halves else int(self.batch_size)
        longest = max(len(each.tokens) for each in requests)
        tokens = max(rows * longest, _GPU_TOKENS if halves else 0)
        vocabulary = int(self.model.config.get_text_config().vocab_size)
        config = self.model.config.to_dict()
        if self.way.kind == "packs":
            return Packs(Packed(self.model, self.device), room_of(config, tokens, vocabulary), halves)
        kept = max(longest, tokens * 4 * vocabulary // kept_bytes(config))
        eager = self.model.config._attn_implementation == "eager"
        budget = Budget(tokens, kept, rows * longest * longest if eager else None)
        branches = self.way.kind == "branches"
        masks = Masks.of_model(config, positions=branches, mapped=self.way.mapped, dtype=self.model.dtype)
        return Rows(Forward(self.model, masks, self.device), budget, branches, halves)

    def _lm_evals(self, requests: Sequence[Asked], which: Sequence[int], batch: int | None = None) -> Any:
        """Some requests lm-eval's way, with log-softmax in float32, and without its cache."""
        with self._set(
            softmax_dtype=torch.float32, **({} if batch is None else {"batch_size_per_gpu": batch})
        ):
            chosen = [(None, *requests[place][1:]) for place in which]
            return self._whole(chosen, disable_tqdm=True) if chosen else []

    def _sample(
        self, requests: Sequence[Asked], answers: Sequence[Answered], largest: Sequence[Sequence[float]]
    ) -> Sample:
        by_tokens = sorted(range(len(requests)), key=lambda place: requests[place][1:])
        which = [by_tokens[place] for place in places(len(requests))]
        most = self.max_batch_size if self.batch_size == "auto" else int(self.batch_size)
        longest = max(len(requests[place][1]) + len(requests[place][2]) for place in which)
        vocabulary = int(self.model.config.get_text_config().vocab_size)
        # float32 takes more than lm-eval's own log-softmax, and is to need no more memory.
        half = max(1, min(most, 2 * len(which)) // 2)
        together = self._lm_evals(requests, which, sampled_together(half, longest, vocabulary))
        with sdpa_kernel([SDPBackend.MATH]):
            one_by_one = self._lm_evals(requests, which, 1)
        layers, _, _ = head_widths(self.model.config.to_dict())
        coarse = [rounding(largest[place], layers) for place in which]
        return compare([answers[place] for place in which], together, one_by_one, coarse)

    def _distrusted(self, requests: list[Asked], sample: Sample, disable_tqdm: bool) -> list[Answered]:
        """Go lm-eval's way from now on, with log-softmax in float32, as all other variants have it."""
        reason = (
            f"shared prefixes gave log-likelihoods up to {sample.difference:.3g} from lm-eval's, where "
            f"{sample.bound:.3g} is allowed"
        )
        print(f"{reason}: this evaluation goes lm-eval's way", file=sys.stderr, flush=True)
        self.way = Way("lm-eval", reason)
        self.softmax_dtype = torch.float32
        with self._computes():
            return self._whole(requests, disable_tqdm=disable_tqdm)

    @contextmanager
    def _computes(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.computing_seconds += time.monotonic() - began

    @contextmanager
    def _set(self, **values: Any) -> Iterator[None]:
        before = {name: getattr(self, name) for name in values}
        for name, value in values.items():
            setattr(self, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)
