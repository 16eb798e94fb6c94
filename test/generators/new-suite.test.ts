// nx g ./tools:suite <new name> --model …: a suite.yaml and its projects where there were none, and never over one.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { logger } from '@nx/devkit';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { askAtTerminal } from '../../tools/generators/ask.js';
import { GeneratorError } from '../../tools/generators/generator-error.js';
import suiteGenerator, { type SuiteGeneratorOptions } from '../../tools/generators/suite.js';
import syncGenerator from '../../tools/generators/sync.js';
import { readGeneratedSuite } from '../../tools/suite/nx/generated.js';
import { loadSuite } from '../../tools/suite/load/load.js';
import { PROFILES } from '../../tools/suite/starter/profiles.js';
import { start } from '../hub/hub.mjs';
import { SUITE, Workspace } from './workspace.js';

let hub: Awaited<ReturnType<typeof start>>;
let commit: string;
const CONFIG = JSON.stringify({ hidden_size: 64, num_hidden_layers: 2, max_position_embeddings: 512 });
const WEIGHTS = weights(JSON.stringify({ a: { dtype: 'BF16', shape: [64, 64], data_offsets: [0, 8192] } }));

/** A safetensors file without its numbers. */
function weights(header: string): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header)]);
}

beforeAll(async () => {
  hub = await start();
  commit = hub.commit('models', 'o/m', { 'config.json': CONFIG, 'model.safetensors': WEIGHTS });
  hub.commit('models', 'o/m-q4', { 'config.json': CONFIG, 'model.safetensors': WEIGHTS });
  hub.commit('datasets', 'Salesforce/wikitext', { 'README.md': 'r' });
});
afterAll(() => hub.close());
beforeEach(() => {
  hub.requests.length = 0;
});

function made(
  workspace: Workspace,
  options: SuiteGeneratorOptions,
  environment: NodeJS.ProcessEnv = { HF_HUB_OFFLINE: '1' },
  ask?: (question: string) => Promise<string>,
): Promise<string[]> {
  return workspace.generate((tree) => suiteGenerator(tree, options, environment, ask));
}

/** What is said instead, and nothing is written. */
async function refusal(
  workspace: Workspace,
  options: SuiteGeneratorOptions,
  environment?: NodeJS.ProcessEnv,
  ask?: (question: string) => Promise<string>,
): Promise<string> {
  const files = (): unknown => readdirSync(workspace.root, { recursive: true });
  const before = files();
  const error = await made(workspace, options, environment, ask).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(GeneratorError);
  expect(files()).toEqual(before);
  return (error as GeneratorError).message;
}

function withModel(): Workspace {
  const workspace = new Workspace();
  workspace.write('models/mine/config.json', CONFIG);
  workspace.write('models/mine-q4/config.json', CONFIG);
  writeFileSync(join(workspace.root, 'models/mine/model.safetensors'), WEIGHTS);
  return workspace;
}

test.each(PROFILES)('profile %s of a directory: a suite in step with its projects', async (profile) => {
  using workspace = withModel();
  const options = { name: 'own', model: ['./models/mine'], checkpoint: ['./models/mine-q4'], profile };
  const changes = await made(workspace, options);
  expect(changes).toContain('CREATE suites/own/suite.yaml');
  expect(changes).toContain('CREATE suites/own/mine/mine-q4/project.json');
  const loaded = loadSuite(workspace.root, 'own');
  expect(loaded.ok && loaded.value.suite.models[0]?.source).toEqual({ type: 'path', path: 'models/mine' });
  expect(readGeneratedSuite(workspace.root, 'own')?.cells.length).toBeGreaterThan(20);
  expect(await workspace.generate(syncGenerator)).toEqual([]);
  expect(await made(workspace, { name: 'own' })).toEqual([]);
});

test('relative paths are those of where the person stands; outside of the workspace they are absolute', async () => {
  using workspace = withModel();
  using other = withModel();
  const environment = { HF_HUB_OFFLINE: '1', INIT_CWD: join(workspace.root, 'models') };
  await made(workspace, { name: 'own', model: ['./mine', join(other.root, 'models/mine')] }, environment);
  const text = workspace.read('suites/own/suite.yaml');
  expect(text).toContain('- path: ../../models/mine # relative to this file');
  expect(text).toContain(`- path: ${other.root}/models/mine\n    name: mine-2\n`);
});

test('a hub id: its commit and size are asked once and recorded; its configuration lowers ranks', async () => {
  using workspace = new Workspace();
  await made(
    workspace,
    { name: 'own', model: ['o/m'], checkpoint: ['stress=o/m-q4'] },
    { HF_ENDPOINT: hub.url },
  );
  const project = JSON.parse(workspace.read('suites/own/project.json')) as { metadata: object };
  expect(project.metadata).toMatchObject({
    commits: { 'o/m@main': commit, 'o/m-q4@main': hub.head('models', 'o/m-q4') },
    sizes: { 'o/m@main': 8192 },
  });
  const told = hub.requests.filter(({ path, repo }) => repo === 'o/m' && path.startsWith('/api/'));
  expect(told).toHaveLength(1);
  const text = workspace.read('suites/own/suite.yaml');
  expect(text).toContain('size_class: tiny # 4.1 thousand numbers');
  expect(text).toContain('lowrank_svd:16:all');
  expect(text).toContain('stress: # expected to hurt\n        - { checkpoint: o/m-q4 }\n');
});

/** A configuration in a quantized format. */
const inFormat = (settings: object): string =>
  JSON.stringify({ ...(JSON.parse(CONFIG) as object), quantization_config: settings });

test('a quantized checkpoint is taken as its numbers, beside what else it can be; here and at the hub', async () => {
  using workspace = withModel();
  workspace.write('models/w8/config.json', inFormat({ quant_method: 'torchao', quant_type: {} }));
  workspace.write('models/w4/config.json', inFormat({ quant_method: 'gptq', bits: 4 }));
  hub.commit('models', 'o/m-nf4', {
    'config.json': inFormat({ quant_method: 'bitsandbytes', load_in_4bit: true }),
    'model.safetensors': WEIGHTS,
  });
  const checkpoint = ['./models/w8', 'stress=./models/w4', 'stress=o/m-nf4', './models/mine-q4'];
  const options = { name: 'own', model: ['./models/mine'], checkpoint, edit: ['none'] };
  await made(workspace, options, { HF_ENDPOINT: hub.url });
  const [, edits = ''] = workspace.read('suites/own/suite.yaml').split('edits: # of this model');
  const lines = edits
    .split('\n\n')[0]
    ?.split('\n')
    .slice(1)
    .map((line) => line.trim());
  const remark = (format: string): string =>
    `# ${format}: its numbers in bf16, certified too; or as: quantized, format: ${format}: evaluated as it is, not certified`;
  expect(lines).toEqual([
    'clean: # expected to be harmless',
    remark('torchao'),
    '- { checkpoint: ../../models/w8, as: dequantized }',
    '- { checkpoint: ../../models/mine-q4 }',
    'stress: # expected to hurt',
    '# gptq: its numbers in bf16; it is not evaluated as it is',
    '- { checkpoint: ../../models/w4, as: dequantized }',
    remark('bitsandbytes-4bit'),
    '- { checkpoint: o/m-nf4, as: dequantized }',
  ]);
  const loaded = loadSuite(workspace.root, 'own');
  const taken =
    loaded.ok && loaded.value.suite.models[0]?.edits.map(({ spec }) => 'taken' in spec && spec.taken);
  expect(taken).toEqual([{ as: 'dequantized' }, false, { as: 'dequantized' }, { as: 'dequantized' }]);
});

test('what is quantized and can be neither, or is to be a baseline, is refused before anything is written', async () => {
  using workspace = withModel();
  workspace.write('models/hqq/config.json', inFormat({ quant_method: 'hqq' }));
  workspace.write('models/w8/config.json', inFormat({ quant_method: 'torchao' }));
  expect(
    await refusal(workspace, { name: 'own', model: ['./models/mine'], checkpoint: ['./models/hqq'] }),
  ).toContain('--checkpoint ../../models/hqq: quantized with hqq, which is neither read nor evaluated here');
  expect(await refusal(workspace, { name: 'own', model: ['./models/w8'] })).toContain(
    '--model "./models/w8": quantized with torchao, and a baseline is in floating point; name the model it was made of',
  );
});

test.each<[SuiteGeneratorOptions, string]>([
  [{ name: 'own', model: ['o/none'] }, '--model "o/none": private, gated or nowhere (HTTP 401)'],
  [
    { name: 'own', model: ['o/m'], checkpoint: ['o/none'] },
    '--checkpoint "o/none": private, gated or nowhere (HTTP 401)',
  ],
  [{ name: 'own', model: ['./none'] }, '--model "./none": there is no directory'],
  [{ name: 'own', model: ['models/mine'] }, '"models/mine" is a directory here: write ./models/mine'],
  [{ name: 'own', model: ['a b'] }, '"a b" is no hub id (as mistralai/Mistral-7B-v0.1), and no directory'],
  [{ name: 'own', model: ['o/m'], checkpoint: ['./none'] }, '--checkpoint "./none": there is no directory'],
  [{ name: 'own', model: ['o/m'], edit: ['scale:1:all'] }, '--edit "scale:1:all" factor 1 is not allowed'],
  [{ name: 'Own', model: ['o/m'] }, '"Own" is no plain name'],
  [{ name: 'own', model: ['o/m'], profile: 'desk' as 'host' }, 'Allowed: laptop, host, seed'],
  [{ name: 'own', checkpoint: ['o/m'] }, '--checkpoint: a suite has a model'],
  [{ model: ['o/m'] }, 'A new suite has a name'],
  [{ name: 'own' }, 'A new one: npx nx g ./tools:suite <name> --model'],
])('%j is refused', async (options, words) => {
  using workspace = withModel();
  expect(await refusal(workspace, options, { HF_ENDPOINT: hub.url })).toContain(words);
});

test('a suite.yaml that is there is never overwritten, whatever is in it', async () => {
  using workspace = withModel();
  for (const [name, text] of [
    ['x', SUITE],
    ['torn', 'models: ['],
  ] as const) {
    workspace.write(`suites/${name}/suite.yaml`, text);
    const said = await refusal(workspace, { name, model: ['./models/mine'], profile: 'host' });
    expect(said).toContain(`suites/${name}/suite.yaml is there already, and is not overwritten`);
    expect(said).toContain('--model, --profile: for a new suite only.');
    expect(workspace.read(`suites/${name}/suite.yaml`)).toBe(text);
  }
});

test('a dry run shows the text', async () => {
  using workspace = withModel();
  const info = vi.spyOn(logger, 'info').mockImplementation(() => undefined);
  const environment = { HF_HUB_OFFLINE: '1', NX_DRY_RUN: 'true' };
  const options = { name: 'own', model: ['./models/mine'] };
  await workspace.dryRun((tree) => suiteGenerator(tree, options, environment));
  const said = info.mock.calls.flat().join('\n');
  info.mockRestore();
  expect(said).toContain('suites/own/suite.yaml would be:\n\n# Suite own, begun by');
  expect(said).toContain('- path: ../../models/mine');
});

test('at a terminal it asks, of a new suite only; no answer makes none', async () => {
  using workspace = withModel();
  const asked: string[] = [];
  const answering =
    (...answers: string[]) =>
    (question: string): Promise<string> => {
      asked.push(question);
      return Promise.resolve(answers.shift() ?? '');
    };
  const offline = { HF_HUB_OFFLINE: '1' };
  const changes = await made(
    workspace,
    { name: 'own' },
    offline,
    answering(' ./models/mine ,', 'seed', 'stress=./models/mine-q4'),
  );
  expect(changes).toContain('CREATE suites/own/mine/mine-q4/project.json');
  expect(workspace.read('suites/own/suite.yaml')).toContain('with profile seed');
  expect(asked).toHaveLength(3);
  await made(workspace, { name: 'own' }, offline, answering());
  await made(workspace, {}, offline, answering());
  await made(workspace, { name: 'other', model: ['./models/mine'] }, offline, answering());
  expect(asked).toHaveLength(3);
  expect(await refusal(workspace, { name: 'owm' }, offline, answering(''))).toContain('Did you mean "own"?');
  expect(asked[3]).toContain('There is no suite owm (there is own). To make it, name its models');
});

test('the terminal answers a line, or ends; where there is none nobody is asked', async () => {
  const terminal = (): PassThrough & { isTTY: boolean } => Object.assign(new PassThrough(), { isTTY: true });
  const input = terminal();
  const ask = askAtTerminal({}, input, Object.assign(new PassThrough(), { isTTY: true }), []);
  const answer = ask?.('Which? ');
  input.write(' this one \n');
  expect(await answer).toBe('this one');
  const ended = ask?.('Which? ');
  input.end();
  await expect(ended).rejects.toThrow('No answer; nothing was written');
  expect(askAtTerminal({}, new PassThrough(), terminal(), [])).toBeUndefined();
  expect(askAtTerminal({ CI: 'true' }, terminal(), terminal(), [])).toBeUndefined();
  expect(askAtTerminal({}, terminal(), terminal(), ['nx', 'g', '--no-interactive'])).toBeUndefined();
});
