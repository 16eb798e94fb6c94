"""InvarLock's windows one at a time, as it evaluates them, against several in a forward pass, in the same run.

    PYTHONPATH=tools/python python bench/windows.py [--cuda] [--windows N] [--times N] [--shapes NAME ...]

Random models in bf16, on one core or with --cuda on a GPU: medians of milliseconds a window, the fastest
batch, and how far the mean losses of windows lie apart, in nats (the log of a perplexity is their mean).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import torch
import transformers

from validation.compute.cpu_products import fast_products

BATCHES = (2, 4, 8, 16)
#: By name: tokens of a window, and the model. Windows are those of the suites (docs/formulas.md).
SHAPES: dict[str, tuple[int, dict[str, int]]] = {
    "smoke": (
        128,
        {
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_hidden_layers": 4,
            "vocab_size": 512,
        },
    ),
    "135m": (
        512,
        {
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 30,
            "vocab_size": 49_152,
        },
    ),
    "0.5b": (
        512,
        {
            "hidden_size": 896,
            "intermediate_size": 4864,
            "num_hidden_layers": 24,
            "vocab_size": 151_936,
        },
    ),
    "7b": (
        2048,
        {
            "hidden_size": 4096,
            "intermediate_size": 14_336,
            "num_hidden_layers": 32,
            "vocab_size": 32_000,
        },
    ),
}


def losses(model: Any, windows: torch.Tensor, batch: int) -> torch.Tensor:
    """Mean loss of each window [n], from a forward of so many windows at once."""
    found = []
    for first in range(0, len(windows), batch):
        some = windows[first : first + batch]
        if batch == 1:
            found.append(model(input_ids=some, labels=some).loss.float().reshape(1))
            continue
        logits = model(input_ids=some).logits[:, :-1]
        # A window at a time: all of them in float32 would be the largest tensor of the run.
        found += [
            torch.nn.functional.cross_entropy(one.float(), target[1:]).reshape(1)
            for one, target in zip(logits, some, strict=True)
        ]
    return torch.cat(found)


def measure(name: str, device: str, count: int, times: int) -> None:
    """Print a line of JSON for a shape."""
    length, sizes = SHAPES[name]
    heads = sizes["hidden_size"] // 64
    config = transformers.LlamaConfig(
        **sizes,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=length,
    )
    torch.manual_seed(1)
    with torch.device(device):
        model = transformers.LlamaForCausalLM(config).to(torch.bfloat16).eval()
    windows = torch.randint(0, sizes["vocab_size"], (count, length), device=device)
    taken: dict[int, list[float]] = {
        batch: [] for batch in (1, *BATCHES) if batch <= count
    }
    of: dict[int, torch.Tensor] = {}
    for turn in range(times + 1):
        for batch, seconds in taken.items():
            began = time.perf_counter()
            of[batch] = losses(model, windows, batch).cpu()
            if turn > 0:
                seconds.append(time.perf_counter() - began)
    medians = {
        batch: statistics.median(seconds) / count for batch, seconds in taken.items()
    }
    best = min(medians, key=lambda batch: medians[batch])
    most = max(taken)
    print(
        json.dumps(
            {
                "shape": name,
                "tokens": length,
                "one_ms": round(1000 * medians[1], 2),
                "best_batch": best,
                "times_faster": round(medians[1] / medians[best], 2),
                "by_batch_ms": {
                    batch: round(1000 * each, 2) for batch, each in medians.items()
                },
                "same_bits": all(torch.equal(of[1], of[batch]) for batch in taken),
                "loss_differs_at_most": float((of[1] - of[most]).abs().max()),
                "mean_loss_differs": float(
                    (of[1].double().mean() - of[most].double().mean()).abs()
                ),
            }
        ),
        flush=True,
    )


def main() -> None:
    """Measure the shapes asked for; all but the 7B's on a CPU, all on a GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuda", action="store_true")
    parser.add_argument("--windows", type=int, default=32)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=None)
    arguments = parser.parse_args()
    device = "cuda" if arguments.cuda else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)
        print(json.dumps({"cpu_products": fast_products()}), flush=True)
    with torch.inference_mode():
        for name in arguments.shapes or [
            each for each in SHAPES if arguments.cuda or each != "7b"
        ]:
            measure(name, device, arguments.windows, arguments.times)


if __name__ == "__main__":
    main()
