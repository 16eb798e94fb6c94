"""A GPT-2 of a few layers that knows the smoke suite's facts, for what takes a path instead of a hub id.

`python local_gpt2.py DIRECTORY --hidden 128 --layers 4 --steps 300 --seed 1`; in float32, as the hub's are.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from validation.facts.model import INITIALIZER_RANGE, MAX_POSITIONS, FactsSpec, build_tokenizer, train


def make(directory: Path, *, hidden: int, layers: int, steps: int, seed: int) -> float:
    """Train one and save it; returns its loss on held-out text."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from validation.facts.corpus import held_out

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_embd=hidden,
            n_layer=layers,
            n_head=4,
            n_positions=MAX_POSITIONS,
            initializer_range=INITIALIZER_RANGE,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=1,
        )
    )
    spec = FactsSpec(
        architecture="llama",  # says nothing to the training
        seed=seed,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_layers=layers,
        num_heads=4,
        steps=steps,
        batch_size=8,
        learning_rate=0.003 * min(1.0, 128 / hidden),
    )
    train(model, tokenizer, spec)
    model.eval().save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    batch = torch.tensor([ids[:128] for ids in tokenizer(held_out()[:32])["input_ids"]])
    with torch.no_grad():
        return float(model(input_ids=batch, labels=batch).loss)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    for name in ("hidden", "layers", "steps", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    given = vars(parser.parse_args())
    print(f"loss on held-out text: {make(given.pop('directory'), **given):.3f}")
