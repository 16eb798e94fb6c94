"""Weights as torchao's int8, kept as their numbers in bf16: python torchao_int8.py {baseline} {output}. Needs torchao."""

import sys

import torch
from torchao.quantization import Int8WeightOnlyConfig, quantize_
from transformers import AutoModelForCausalLM, AutoTokenizer

baseline, output = sys.argv[1:3]
model = AutoModelForCausalLM.from_pretrained(baseline, dtype=torch.bfloat16)
quantize_(model, Int8WeightOnlyConfig())
for module in model.modules():
    weight = getattr(module, "weight", None)
    if isinstance(module, torch.nn.Linear) and hasattr(weight, "dequantize"):
        module.weight = torch.nn.Parameter(weight.dequantize().to(torch.bfloat16), requires_grad=False)
model.save_pretrained(output)
AutoTokenizer.from_pretrained(baseline).save_pretrained(output)
