"""Shared prefixes against lm-eval's HFLM at its best batch, in the same run, on requests of four shapes.

    PYTHONPATH=tools/python python bench/evaluation.py [--cuda] [--documents N] [--times N]
        [--shapes NAME ...]

A random model in bf16: the 0.5B shape on one core, or with --cuda the 7B Mistral shape. Both ways are timed
in turn, at lm-eval's best batch (tried on a quarter of the documents on a GPU); medians. Rates are of the
body's matrices alone, over the tokens a way computes; what fills batches up counts as nothing. The sample of
trust is timed apart on a CPU, where so few documents are asked that it would be half of all.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from lm_eval.models.huggingface import HFLM

from validation.evaluation.prefixes.model import SharedPrefixLM
from validation.evaluation.prefixes.ways import way_of

Requests = list[tuple[Any, list[int], list[int]]]
LARGE = {
    **{"hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32, "num_attention_heads": 32},
    **{"num_key_value_heads": 8, "vocab_size": 32_000, "max_position_embeddings": 8192},
}
SMALL = {
    **{"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14},
    **{"num_key_value_heads": 2, "vocab_size": 151_936, "max_position_embeddings": 8192},
}


class Shape:
    """Requests as a benchmark's are; lengths in tokens vary by a half around the mean."""

    def __init__(self, vocabulary: int, scale: float) -> None:
        self._chance = random.Random(1)
        self._vocabulary, self._scale = vocabulary, scale

    def text(self, mean: float) -> list[int]:
        """Random tokens."""
        length = max(1, round(self._chance.uniform(0.5, 1.5) * mean * self._scale))
        return [self._chance.randrange(10, self._vocabulary) for _ in range(length)]

    def mmlu(self, documents: int) -> Requests:
        """Five shots a subject, a question, one of four letters."""
        found: Requests = []
        while len(found) < 4 * documents:
            shots = self.text(600)
            for _ in range(self._chance.randrange(8, 57)):
                question = shots + self.text(90)
                found += [(None, question, [letter]) for letter in (5, 6, 7, 8)]
        return found[: 4 * documents]

    def hellaswag(self, documents: int) -> Requests:
        """Shots of each document's own, a context, four endings."""
        return self._endings(documents, 500, 4, 25)

    def arc(self, documents: int) -> Requests:
        """As HellaSwag, and shorter."""
        return self._endings(documents, 250, 4, 8)

    def _endings(self, documents: int, context: int, count: int, ending: int) -> Requests:
        contexts = [self.text(context) for _ in range(documents)]
        return [(None, each, self.text(ending)) for each in contexts for _ in range(count)]

    def winogrande(self, documents: int) -> Requests:
        """Two contexts that end differently, one continuation."""
        found: Requests = []
        for _ in range(documents):
            stem, rest = self.text(170), self.text(8)
            found += [(None, stem + self.text(3), rest) for _ in range(2)]
        return found


def main() -> None:
    """Print a block a shape."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuda", action="store_true")
    parser.add_argument("--documents", type=int)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--shapes", nargs="+", default=["mmlu", "hellaswag", "arc", "winogrande"])
    arguments = parser.parse_args()
    if arguments.cuda and not torch.cuda.is_available():
        sys.exit("no CUDA device here: --cuda measures on a GPU")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    transformers.logging.set_verbosity_error()
    device = "cuda" if arguments.cuda else "cpu"
    torch.set_num_threads(1)
    model = random_model(device)
    name = torch.cuda.get_device_name() if arguments.cuda else "one core"
    print(f"{name}, torch {torch.__version__}, transformers {transformers.__version__}, bf16")
    peak = matrix_rate(device)
    print(f"one large matrix product: {rate(peak)}")
    documents = arguments.documents or (512 if arguments.cuda else 6)
    for shape in arguments.shapes:
        made = Shape(model.config.vocab_size, 1.0 if arguments.cuda else 0.5)
        measure(shape, getattr(made, shape)(documents), model, device, peak, arguments.times)


def random_model(device: str) -> Any:
    """Weights wide enough that answers differ."""
    kind, shape = (
        (transformers.MistralConfig, LARGE) if device == "cuda" else (transformers.Qwen2Config, SMALL)
    )
    config = kind(**shape, sliding_window=None)
    torch.manual_seed(1)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model = transformers.AutoModelForCausalLM.from_config(config)
    torch.set_default_dtype(torch.float32)
    return model.to(torch.bfloat16).eval()


def measure(shape: str, requests: Requests, model: Any, device: str, peak: float, times: int) -> None:
    """lm-eval at several batches, then both ways in turn at the best of them."""
    body = sum(parameter.numel() for parameter in model.model.layers.parameters())

    def asked_of(lm: HFLM, asked: Requests) -> tuple[float, float, Any]:
        return timed(lambda: lm._loglikelihood_tokens(asked, disable_tqdm=True), device)

    some, tried = requests if device == "cpu" else requests[: len(requests) // 4], {}
    for batch in (16, 32, 64) if device == "cuda" else (1, 4):
        lm = wrapped(HFLM, model, batch, device)
        lm._loglikelihood_tokens(some[: 2 * batch], disable_tqdm=True)
        tried[batch] = asked_of(lm, some)
    best = min(tried, key=lambda batch: tried[batch][0])
    whole, lm = wrapped(HFLM, model, best, device), wrapped(SharedPrefixLM, model, best, device)
    lm.go(way_of(model.config.to_dict(), asked="auto", compiled=False, trusted=False))
    sampled = sample_apart(lm, device)
    lm._loglikelihood_tokens(requests[: 2 * best], disable_tqdm=True)
    ones, others, samples = [], [], []
    for _ in range(times):
        ones.append(asked_of(whole, requests))
        lm.measured()
        sampled.clear()
        others.append(asked_of(lm, requests))
        samples.append(sum(sampled))
    before, its_memory, its_answers = (statistics.median(each[0] for each in ones), *ones[0][1:])
    seconds, memory, answers = (statistics.median(each[0] for each in others), *others[0][1:])
    if device == "cpu":
        seconds -= statistics.median(samples)
    used = lm.measured()
    apart = max(abs(one[0] - other[0]) for one, other in zip(its_answers, answers, strict=True))
    batches = ", ".join(f"{batch}: {found[0]:.1f} s" for batch, found in tried.items())
    asked, computed = used["tokens_asked"], used["tokens_computed"]
    print(f"\n{shape}: {len(requests)} requests, {used['way']}")
    print(f"  lm-eval by its batch size            {batches}")
    print(
        f"  lm-eval, {asked:,} tokens".ljust(39), f"{before:.1f} s, {rate(2 * body * asked / before, peak)}"
    )
    print(
        f"  shared, {computed:,} tokens".ljust(39),
        f"{seconds:.1f} s, {rate(2 * body * computed / seconds, peak)}",
    )
    print(f"  times faster · fewer tokens           {before / seconds:.2f} · {asked / computed:.2f}")
    print(f"  all times, lm-eval · shared           {all_of(ones)} · {all_of(others)}")
    print(f"  the sample of it                      {statistics.median(samples):.2f} s")
    if device == "cuda":
        print(f"  peak memory, lm-eval · shared         {its_memory:.1f} · {memory:.1f} GiB")
    print(f"  largest difference                    {apart:.3f}; sample {json.dumps(used['sample'])}")
    print(f"  answered alike                        {alike(shape, its_answers, answers)}")


def alike(shape: str, ones: Any, others: Any) -> str:
    """Documents whose likeliest answer is the same both ways, and how near to a tie the others were."""
    count = 2 if shape == "winogrande" else 4
    documents = [
        [[each[0] for each in way[first : first + count]] for way in (ones, others)]
        for first in range(0, len(ones), count)
    ]
    apart = [
        max(one) - one[other.index(max(other))]
        for one, other in documents
        if one.index(max(one)) != other.index(max(other))
    ]
    ties = f", at most {max(apart):.3f} from a tie of lm-eval's" if apart else ""
    return f"{len(documents) - len(apart)} of {len(documents)}{ties}"


def all_of(found: list[tuple[float, float, Any]]) -> str:
    """Their seconds."""
    return " ".join(f"{each[0]:.2f}" for each in found)


def wrapped(kind: type[HFLM], model: Any, batch: int, device: str) -> Any:
    """As an evaluation has it; no text is tokenized here, so the tokenizer may be any."""
    with tempfile.TemporaryDirectory() as directory:
        from tokenizers import Tokenizer, models

        Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a")).save(
            str(Path(directory) / "tokenizer.json")
        )
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(Path(directory) / "tokenizer.json"), eos_token="a", pad_token="b"
        )
    return kind(pretrained=model, tokenizer=tokenizer, batch_size=batch, max_length=8192, device=device)


def sample_apart(lm: SharedPrefixLM, device: str) -> list[float]:
    """The seconds of its samples, as they are taken."""
    seconds: list[float] = []
    sample = lm._sample

    def told(*given: Any) -> Any:
        took, _, found = timed(lambda: sample(*given), device)
        seconds.append(took)
        return found

    lm._sample = told
    return seconds


def timed(work: Callable[[], Any], device: str) -> tuple[float, float, Any]:
    """Seconds (of this core, on a CPU, that others may use too), peak memory in GiB, what came out."""
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    clock = time.perf_counter if device == "cuda" else time.process_time
    begin = clock()
    found = work()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = clock() - begin
    return seconds, torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0, found


def matrix_rate(device: str) -> float:
    """FLOP/s of one large product in bf16."""
    size = 8192 if device == "cuda" else 1024
    one, other = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    times = 10
    for _ in range(3):
        one @ other
    seconds, _, _ = timed(lambda: [None for _ in range(times) if (one @ other) is None], device)
    return 2 * size**3 * times / seconds


def rate(flops: float, peak: float | None = None) -> str:
    """In TFLOP/s, and as a share."""
    return f"{flops / 1e12:.3g} TFLOP/s" + ("" if peak is None else f" ({flops / peak:.0%} of one product)")


if __name__ == "__main__":
    main()
