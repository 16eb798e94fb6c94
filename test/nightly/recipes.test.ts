// Recipes of docs/own-edits.md that a processor can run, with their packages from the registry: programs that edit, in an
// environment of their own.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../support/repository.js';
import { Checkout } from '../e2e/checkout.mjs';

const PACKAGES = ['peft==0.21.2', 'torchao==0.18.0'];
const SUITE = `
models:
  - name: m
    facts: { architecture: llama, hidden_size: 64, intermediate_size: 128, num_layers: 2, num_heads: 4, steps: 20 }
edits:
  clean:
    - { command: [./venv/bin/python, torchao_int8.py, '{baseline}', '{output}'], inputs: [torchao_int8.py, requirements.txt] }
    - { command: [./venv/bin/python, peft_merge.py, '{baseline}', '{output}', adapter], inputs: [peft_merge.py, adapter, requirements.txt] }
errors: []
benchmarks: [{ name: arc, task: smoke_arc, fewshot: 0 }]
evaluation: { tasks: tasks }
dataset: { provider: local_jsonl, file: data/heldout.jsonl }
runs: { calibration: 1, clean: 1, stress: 1, nulls: 0 }
`;
/** `<model> <adapter>` */
const ADAPTER = `
import sys
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
get_peft_model(model, config).save_pretrained(sys.argv[2])
`;

test('an adapter merged by PEFT and torchao weights are taken in, and told for what they are', async () => {
  await using checkout = await Checkout.create();
  const own = join(checkout.root, 'suites/own');
  const nx = async (...args: string[]): Promise<void> => {
    const { exitCode, output } = await checkout.nx(...args);
    expect(exitCode, output).toBe(0);
  };
  mkdirSync(own);
  for (const name of ['tasks', 'data'])
    cpSync(join(REPOSITORY, 'suites/smoke', name), join(own, name), { recursive: true });
  for (const recipe of ['torchao_int8.py', 'peft_merge.py'])
    cpSync(join(REPOSITORY, 'docs/recipes', recipe), join(own, recipe));
  writeFileSync(join(own, 'suite.yaml'), SUITE);
  writeFileSync(join(own, 'requirements.txt'), `${PACKAGES.join('\n')}\n`);
  await environment(join(own, 'venv'), join(own, 'requirements.txt'));
  const python = join(own, 'venv/bin/python');
  // An adapter of the baseline: its directory has to be there when the projects are made.
  mkdirSync(join(own, 'adapter'));
  await nx('g', './tools:suite', 'own');
  await nx('run', 'own.m.baseline:setup');
  await execa(python, [
    '-c',
    ADAPTER,
    join(checkout.root, 'output/own/models/m/baseline'),
    join(own, 'adapter'),
  ]);
  await nx('run-many', '-t', 'program', '-p', 'tag:suite:own');
  const looks = (edit: string): string => {
    const path = join(checkout.root, `output/own/m/models/${edit}.edit_metadata.json`);
    return (JSON.parse(readFileSync(path, 'utf8')) as { looks_like: string }).looks_like;
  };
  expect(looks('torchao_int8')).toContain('rounded to 8 bits, one scale a row');
  expect(looks('peft_merge')).toContain('4 of 4 changed tensors changed by a matrix of low rank, about 4');
});

/** The packages alone; torch and transformers are the suite's. */
async function environment(at: string, requirements: string): Promise<void> {
  await execa(join(REPOSITORY, '.venv/bin/python'), ['-m', 'venv', at]);
  await execa(join(at, 'bin/pip'), ['install', '--quiet', '--no-deps', '-r', requirements]);
  const packages = (venv: string): string => {
    const [version = ''] = readdirSync(join(venv, 'lib')).filter((name) => name.startsWith('python3'));
    return join(venv, 'lib', version, 'site-packages');
  };
  writeFileSync(join(packages(at), 'suite.pth'), `${packages(join(REPOSITORY, '.venv'))}\n`);
}
