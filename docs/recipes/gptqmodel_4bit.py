"""GPTQModel at four bits: python gptqmodel_4bit.py {baseline} {output} TEXTS. Needs gptqmodel, and a GPU. It leaves GPTQ's format."""

import json
import sys
from pathlib import Path

from gptqmodel import GPTQModel, QuantizeConfig

baseline, output, texts = sys.argv[1:4]
lines = [json.loads(line)["text"] for line in Path(texts).read_text().splitlines()[:512]]
model = GPTQModel.load(baseline, QuantizeConfig(bits=4, group_size=128))
model.quantize(lines, batch_size=1)
model.save(output)
