"""Merge a PEFT adapter into its model: python peft_merge.py {baseline} {output} ADAPTER. Needs peft."""

import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

baseline, output, adapter = sys.argv[1:4]
model = AutoModelForCausalLM.from_pretrained(baseline, dtype=torch.float32)
merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
merged.to(torch.bfloat16).save_pretrained(output)
AutoTokenizer.from_pretrained(baseline).save_pretrained(output)
