"""AutoAWQ at four bits: python autoawq_4bit.py {baseline} {output} TEXTS. Needs autoawq, and a GPU. It leaves AWQ's format."""

import json
import sys
from pathlib import Path

from awq import AutoAWQForCausalLM
from transformers import AutoTokenizer

baseline, output, texts = sys.argv[1:4]
lines = [json.loads(line)["text"] for line in Path(texts).read_text().splitlines()[:512]]
tokenizer = AutoTokenizer.from_pretrained(baseline)
model = AutoAWQForCausalLM.from_pretrained(baseline)
config = {"zero_point": True, "q_group_size": 128, "w_bit": 4, "version": "GEMM"}
model.quantize(tokenizer, quant_config=config, calib_data=lines)
model.save_quantized(output)
tokenizer.save_pretrained(output)
