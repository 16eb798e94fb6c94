// What people bring: docs/own-model.md command by command on a small model, then a checkpoint of the hub and programs that
// edit as one more suite.yaml would name them, in as few cells as can be.
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
const FAILS = 'import sys\nprint("no such layer", file=sys.stderr)\nsys.exit(3)\n';
/** Its child leaves the process group, as daemons do. */
const HANGS = `import subprocess, time
child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
open(MARK, "w").write(str(child.pid))
time.sleep(3600)
`;

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

    // The guide, as written.
    const [dry = '', make = '', look = '', run = '', read = ''] = blocks;
    expect(await good(dry)).toContain('checkpoint: ../../models/mine-w8');
    expect(existsSync(at('suites/mine/suite.yaml'))).toBe(false);
    await good(make);
    const told = await good(look);
    expect(told).toMatch(/ok +checkpoint mine-w8 of mine: .*a variant of its model/);
    expect(told).toContain('mine can run here');
    const ran = await good(run);
    expect(ran).toMatch(/all \d+ cells finished/);
    const shown = await good(read);
    expect(shown).toContain('mine-w8');
    expect(shown).toContain('"looks_like": "14 of 14 changed tensors rounded to 8 bits');

    // One more checkpoint, at the hub, and programs.
    const files = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
    hub.commit(
      'models',
      'your-name/mine-w4',
      Object.fromEntries(files.map((name) => [name, readFileSync(at(join('w4', name)))])),
    );
    write('suites/mine/fails.py', FAILS);
    write('suites/mine/hangs.py', HANGS.replace('MARK', JSON.stringify(at('child'))));
    write('suites/mine/nothing.py', 'print("done")\n');
    const program = (script: string, ...words: string[]): object => ({
      command: ['python', script, '{baseline}', '{output}', ...words],
      inputs: [script],
      ...(script === 'hangs.py' ? { timeout: '30 s' } : {}),
    });
    const yaml = parseDocument(readFileSync(at('suites/mine/suite.yaml'), 'utf8'));
    yaml.setIn(
      ['models', 0, 'edits', 'stress'],
      [
        { checkpoint: 'your-name/mine-w4' },
        program('quantize.py', '3'),
        ...['fails.py', 'hangs.py', 'nothing.py'].map((script) => program(script)),
      ],
    );
    writeFileSync(at('suites/mine/suite.yaml'), yaml.toString());
    await good('npx nx g ./tools:suite mine');
    const project = readFileSync(at('suites/mine/mine/mine-w4/project.json'), 'utf8');
    expect(project).toContain(hub.head('models', 'your-name/mine-w4'));
    const again = await good('npx nx run mine:doctor');
    expect(again).toMatch(/ok +checkpoint mine-w4 of mine/);
    expect(again).toMatch(/ok +program quantize of mine: python quantize\.py/);
    await good('npx nx run mine.mine.mine-w4:certify-1');
    const metadata = (edit: string): Record<string, unknown> =>
      JSON.parse(readFileSync(at(`output/mine/mine/models/${edit}.edit_metadata.json`), 'utf8')) as Record<
        string,
        unknown
      >;
    expect(metadata('mine-w4')).toMatchObject({ edit_type: 'checkpoint' });

    const programs = await bash('npx nx run-many -t program --output-style=static');
    expect(programs.exitCode).not.toBe(0);
    expect(metadata('quantize')).toMatchObject({
      edit_type: 'program',
      command: ['python', 'quantize.py', '{baseline}', '{output}', '3'],
    });
    expect(programs.output).toContain('ended with exit code 3: no such layer');
    expect(programs.output).toContain('no end after 30 s');
    expect(programs.output).toContain('ended well and left nothing in {output}');
    const child = Number(readFileSync(at('child'), 'utf8'));
    await expect.poll(() => lives(child), { timeout: 30_000 }).toBe(false);

    // Another script is another edit; nothing else runs for it.
    write('suites/mine/quantize.py', `${QUANTIZE}print("again")\n`);
    const changed = await good('npx nx run mine.mine.quantize:program --verbose');
    expect(changed).not.toContain('reused: its receipt stands\nquantize');
    const receipts = ['quantize', 'mine-w4'].map(
      (edit) =>
        JSON.parse(readFileSync(at(`output/mine/mine/models/${edit}.receipt.json`), 'utf8')) as {
          attempts: { number: number }[];
        },
    );
    expect(receipts.map(({ attempts }) => attempts.at(-1)?.number)).toEqual([2, 1]);
    console.log(`the guide: ${blocks.length} blocks`);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
