// What people bring: docs/own-model.md command by command on a small model, then a checkpoint of the hub, quantized ones and
// programs that edit as one more suite.yaml would name them. In as few cells, items and runs of nx as show it.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { content } from '../hub/content.mjs';
import { start } from '../hub/hub.mjs';
import { REPOSITORY } from '../support/repository.js';
import { Checkout, type CommandResult } from './checkout.mjs';

const MODEL = 'Qwen/Qwen1.5-72B';
const page = readFileSync(join(REPOSITORY, 'docs/own-model.md'), 'utf8');
const blocks = [...page.matchAll(/^```bash\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);

/** As a pipeline of one's own leaves a checkpoint: `<from> <to> <bits>`, each row of a matrix in so many bits. */
const QUANTIZE = `
import shutil, sys
from pathlib import Path
from safetensors.torch import load_file, save_file
source, target, bits = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
target.mkdir(exist_ok=True)
for path in source.iterdir():
    if path.suffix == ".safetensors":
        tensors = load_file(path)
        for name, each in tensors.items():
            if each.ndim == 2 and "proj" in name:
                scale = each.float().abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
                tensors[name] = ((each.float() / scale).round() * scale).to(each.dtype)
        save_file(tensors, target / path.name, metadata={"format": "pt"})
    elif path.suffix in (".json", ".model", ".txt", ".jinja") and path.name != "manifest.json":
        shutil.copyfile(path, target / path.name)
`;
/** As llm-compressor leaves a checkpoint: `<from> <to>`, four bits a number, packed. */
const PACK = `
import json, shutil, sys
from pathlib import Path
from quantized_models import MADE
from safetensors.torch import load_file, save_file
source, target = map(Path, sys.argv[1:3])
shutil.copytree(source, target)
settings, pack = MADE["w4a16"]
files = {}
for name, each in load_file(source / "model.safetensors").items():
    stem = name.removesuffix("weight")
    files |= {stem + part: made for part, made in pack(each)[0].items()} if "proj" in name and each.ndim == 2 else {name: each}
save_file(files, target / "model.safetensors", metadata={"format": "pt"})
config = json.loads((source / "config.json").read_text()) | {"quantization_config": settings}
(target / "config.json").write_text(json.dumps(config))
`;
/** Keeps torchao's own tensors; the suite's own installation of it does as well as another. */
const KEEP = `
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.prefix) / "overlays" / "torchao"))
import torch
from torchao.quantization import Int8WeightOnlyConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TorchAoConfig
config = TorchAoConfig(Int8WeightOnlyConfig())
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], quantization_config=config, dtype=torch.bfloat16)
model.save_pretrained(sys.argv[2])
AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])
`;
const FAILS = 'import sys\nprint("no such layer", file=sys.stderr)\nsys.exit(3)\n';
/** Its child leaves the process group, as daemons do. */
const HANGS = `import subprocess, time
child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
open(MARK, "w").write(str(child.pid))
time.sleep(3600)
`;

interface Verdict {
  labels: { name: string; label: string; flagged: boolean | null }[];
}

/** Not one that has ended and waits for its parent to see it. */
function lives(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}

test('the guide for a model of your own, a checkpoint of the hub, and programs', async () => {
  await using hub = await start({ content: await content() });
  await using checkout = await Checkout.create();
  const home = mkdtempSync(join(tmpdir(), 'validation-own-home-'));
  const environment = {
    ...{ HF_ENDPOINT: hub.url, HF_HOME: home, NO_PROXY: '127.0.0.1,localhost' },
    ...Object.fromEntries(['HF_TOKEN', 'HF_HUB_CACHE', 'HF_HUB_OFFLINE'].map((name) => [name, ''])),
  };
  const at = (path: string): string => join(checkout.root, path);
  const bash = (block: string): Promise<CommandResult> => checkout.run('bash', ['-ec', block], environment);
  const good = async (block: string): Promise<string> => {
    const { exitCode, output } = await bash(block);
    expect(exitCode, output).toBe(0);
    return output;
  };
  const write = (path: string, text: string): void => {
    mkdirSync(join(at(path), '..'), { recursive: true });
    writeFileSync(at(path), text);
  };
  try {
    cpSync(join(await content(), 'models', MODEL), at('models/mine'), { recursive: true });
    write('suites/mine/quantize.py', QUANTIZE);
    const python = at('.venv/bin/python');
    const quantize = (to: string, bits: number): Promise<unknown> =>
      execa(python, [at('suites/mine/quantize.py'), at('models/mine'), at(to), String(bits)]);
    await quantize('models/mine-w8', 8);
    await quantize('w4', 4);
    const support = join(REPOSITORY, 'tools/python/tests/support');
    await execa(python, ['-c', PACK, at('models/mine'), at('models/mine-w4a16')], {
      env: { PYTHONPATH: [join(REPOSITORY, 'tools/python'), support, join(support, 'formats')].join(':') },
    });

    // The guide, as written; between its lines suite.yaml is changed, as its step 4 says: more to see in a shorter run.
    const [dry = '', make = '', look = '', run = '', read = ''] = blocks;
    expect(await good(dry)).toContain('checkpoint: ../../models/mine-w8');
    expect(existsSync(at('suites/mine/suite.yaml'))).toBe(false);
    await good(make);
    const files = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
    hub.commit(
      'models',
      'your-name/mine-w4',
      Object.fromEntries(files.map((name) => [name, readFileSync(at(join('w4', name)))])),
    );
    write('suites/mine/kept.py', KEEP);
    cpSync(join(REPOSITORY, 'suites/smoke/data/heldout.jsonl'), at('suites/mine/heldout.jsonl'));
    const suiteYaml = (change: (yaml: ReturnType<typeof parseDocument>) => void): void => {
      const yaml = parseDocument(readFileSync(at('suites/mine/suite.yaml'), 'utf8'));
      change(yaml);
      writeFileSync(at('suites/mine/suite.yaml'), yaml.toString());
    };
    const program = (script: string, words: readonly string[] = [], rest: object = {}): object => ({
      command: ['python', script, '{baseline}', '{output}', ...words],
      inputs: [script],
      ...rest,
    });
    const stress = [
      { checkpoint: 'your-name/mine-w4' },
      { checkpoint: '../../models/mine-w4a16', as: 'dequantized' },
      program('kept.py', [], { as: 'quantized', format: 'torchao' }),
      program('quantize.py', ['3']),
    ];
    suiteYaml((yaml) => {
      yaml.setIn(['models', 0, 'edits', 'stress'], stress);
      yaml.setIn(['errors', 'types'], ['nan_injection']);
      yaml.set('runs', { calibration: 1, clean: 1, stress: 1, nulls: 0 });
      yaml.set('evaluation', { limit: 100 });
      yaml.set('dataset', { provider: 'local_jsonl', file: 'heldout.jsonl' });
      yaml.setIn(['windows', 'tiny'], { seq_len: 128, stride: 128, preview: 200, final: 200 });
      yaml.set('invarlock', { skip_overhead_check: true, bootstrap: 1200 });
    });
    await good('npx nx g ./tools:suite mine');
    const project = readFileSync(at('suites/mine/mine/mine-w4/project.json'), 'utf8');
    expect(project).toContain(hub.head('models', 'your-name/mine-w4'));
    const told = await good(look);
    for (const line of [
      /ok +checkpoint mine-w8 of mine: .*a variant of its model/,
      /ok +checkpoint mine-w4 of mine/,
      /ok +checkpoint mine-w4a16 of mine: .*compressed-tensors \(pack-quantized\), taken dequantized/,
      /ok +program kept of mine: torchao, evaluated as it is by torchao==\S+ on a CPU/,
      /ok +program quantize of mine: python quantize\.py/,
      /mine can run here/,
    ])
      expect(told).toMatch(line);
    expect(await good(run)).toMatch(/all \d+ cells finished/);
    const shown = await good(read);
    expect(shown).toContain('"looks_like": "14 of 14 changed tensors rounded to 8 bits');
    expect(shown).toMatch(
      /dequantized +evaluated and certified as their numbers in bf16\n +mine\/mine-w4a16\n/,
    );
    expect(shown).toMatch(
      /as they are +evaluated in their own format; InvarLock was not asked\n +mine\/kept\n/,
    );
    // Labelled all; certified where there are numbers to certify.
    const verdict = JSON.parse(readFileSync(at('output/mine/reports/final_verdict.json'), 'utf8')) as Verdict;
    const judged = new Map(verdict.labels.map(({ name, label, flagged }) => [name, { label, flagged }]));
    const label: unknown = expect.stringMatching(/^(harmful|harmless|undecided)$/);
    const flagged: unknown = expect.any(Boolean);
    for (const edit of ['mine-w8', 'mine-w4', 'mine-w4a16', 'quantize'])
      expect(judged.get(`mine/${edit}`), edit).toEqual({ label, flagged });
    expect(judged.get('mine/kept')).toEqual({ label, flagged: null });
    const metadata = (edit: string): unknown =>
      JSON.parse(readFileSync(at(`output/mine/mine/models/${edit}.edit_metadata.json`), 'utf8'));
    const looks = (text: string): unknown => expect.stringContaining(text);
    expect(metadata('mine-w4')).toMatchObject({ edit_type: 'checkpoint' });
    expect(metadata('quantize')).toMatchObject({
      edit_type: 'program',
      command: ['python', 'quantize.py', '{baseline}', '{output}', '3'],
    });
    expect(metadata('mine-w4a16')).toMatchObject({
      ...{ edit_type: 'checkpoint', as: 'dequantized', format: { name: 'compressed-tensors' } },
      looks_like: looks('14 of 14 changed tensors rounded to 4 bits'),
    });
    expect(metadata('kept')).toMatchObject({
      ...{ edit_type: 'program', as: 'quantized', format: { name: 'torchao' } },
      looks_like: looks('14 of 14 changed tensors rounded to 8 bits'),
    });

    const attempts = (edit: string): number => {
      const text = readFileSync(at(`output/mine/mine/models/${edit}.receipt.json`), 'utf8');
      return (JSON.parse(text) as { attempts: { number: number }[] }).attempts.at(-1)?.number ?? 0;
    };
    const edits = ['quantize', 'kept', 'mine-w4'];
    const [first = 0, ...others] = edits.map(attempts);

    // Another script is another edit, and nothing else runs for it; programs that fail say why, and leave nothing behind.
    write('suites/mine/quantize.py', `${QUANTIZE}print("again")\n`);
    write('suites/mine/fails.py', FAILS);
    write('suites/mine/hangs.py', HANGS.replace('MARK', JSON.stringify(at('child'))));
    write('suites/mine/nothing.py', 'print("done")\n');
    suiteYaml((yaml) => {
      const broken = [
        program('fails.py'),
        program('hangs.py', [], { timeout: '20 s' }),
        program('nothing.py'),
      ];
      yaml.setIn(['models', 0, 'edits', 'stress'], [...stress, ...broken]);
    });
    await good('npx nx g ./tools:suite mine');
    const programs = await bash('npx nx run-many -t adopt program --output-style=static');
    expect(programs.exitCode).not.toBe(0);
    expect(programs.output).toContain('ended with exit code 3: no such layer');
    expect(programs.output).toContain('no end after 20 s');
    expect(programs.output).toContain('ended well and left nothing in {output}');
    const child = Number(readFileSync(at('child'), 'utf8'));
    await expect.poll(() => lives(child), { timeout: 30_000 }).toBe(false);
    expect(edits.map(attempts)).toEqual([first + 1, ...others]);
    console.log(`the guide: ${blocks.length} blocks`);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
