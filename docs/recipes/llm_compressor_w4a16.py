"""llm-compressor's GPTQ at four bits: python llm_compressor_w4a16.py {baseline} {output} TEXTS. Needs llmcompressor, and a GPU.

It leaves compressed-tensors; TEXTS is a JSON-lines file with a field `text`.
"""

import sys

from datasets import load_dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import GPTQModifier
from transformers import AutoTokenizer

baseline, output, texts = sys.argv[1:4]
tokenizer = AutoTokenizer.from_pretrained(baseline)
rows = load_dataset("json", data_files=texts, split="train").select(range(512))
rows = rows.map(lambda row: tokenizer(row["text"], max_length=2048, truncation=True), remove_columns=rows.column_names)
oneshot(
    model=baseline,
    dataset=rows,
    recipe=GPTQModifier(targets="Linear", scheme="W4A16", ignore=["lm_head"]),
    max_seq_length=2048,
    num_calibration_samples=512,
    output_dir=output,
)
tokenizer.save_pretrained(output)
