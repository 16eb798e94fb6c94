"""Weights as bitsandbytes' NF4, kept as their numbers in bf16: python bitsandbytes_nf4.py {baseline} {output}. Needs bitsandbytes, and a GPU."""

import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

baseline, output = sys.argv[1:3]
config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
model = AutoModelForCausalLM.from_pretrained(baseline, quantization_config=config, device_map="cuda")
model = model.dequantize().to(torch.bfloat16)
model.save_pretrained(output)
AutoTokenizer.from_pretrained(baseline).save_pretrained(output)
