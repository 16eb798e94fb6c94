// A suite as it ships, b200 if not said, through the hub on the loopback: what its end-to-end tests share.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { content } from '../hub/content.mjs';
import { start, type Hub } from '../hub/hub.mjs';
import { Checkout, type CommandResult } from './checkout.mjs';

/** The models of suites/b200 by name; the first five make all edits in one cell, the others one a cell. */
export const MODELS = {
  'mistral-7b-v01': 'MODEL_1',
  'llama-2-13b-hf': 'MODEL_2',
  'qwen25-14b': 'MODEL_3',
  'qwen25-32b': 'MODEL_4',
  'yi-34b': 'MODEL_5',
  'mixtral-8x7b-v01': 'MODEL_6',
  'llama-2-70b-hf': 'MODEL_7',
  'qwen15-72b': 'MODEL_8',
} as const;
export type Model = keyof typeof MODELS;

/** One run of each kind, and an edit of each class: by the original script's own variables. */
export const IN_SHORT = {
  ...{ DRIFT_CALIBRATION_RUNS: '1', CLEAN_EDIT_RUNS: '1', STRESS_EDIT_RUNS: '1' },
  ...{ EDIT_TYPES_CLEAN: 'lowrank_svd:256:ffn', EDIT_TYPES_STRESS: 'quant_rtn:4:32:all' },
};

/** A checkout of its own with a hub, and a cache of the hub's libraries. */
export class HubSuite {
  readonly #home = mkdtempSync(join(tmpdir(), 'validation-hub-home-'));

  private constructor(
    readonly checkout: Checkout,
    readonly hub: Hub,
    readonly name: string,
  ) {}

  static async create(name = 'b200'): Promise<HubSuite> {
    const hub = await start({ content: await content() });
    return new HubSuite(await Checkout.create(), hub, name);
  }

  /** `nx g` of b200 with the variables of the original script: these models only, and so many runs and edits. */
  async generate(models: readonly Model[], identity: Record<string, string> = {}): Promise<CommandResult> {
    const left = Object.entries(MODELS).filter(([name]) => !models.includes(name as Model));
    const without = Object.fromEntries(left.map(([, variable]) => [variable, '']));
    return this.#run(['g', './tools:suite', 'b200'], { ...without, ...identity });
  }

  nx(...args: string[]): Promise<CommandResult> {
    return this.#run(args);
  }

  #run(args: string[], environment: Record<string, string> = {}): Promise<CommandResult> {
    return this.checkout.run('npx', ['nx', ...args], {
      ...environment,
      HF_ENDPOINT: this.hub.url,
      HF_HOME: this.#home,
      NO_PROXY: '127.0.0.1,localhost',
      // Nothing of a developer's own access or cache.
      ...Object.fromEntries(['HF_TOKEN', 'HF_HUB_CACHE', 'HF_HUB_OFFLINE'].map((name) => [name, ''])),
    });
  }

  read(path: string): string {
    return readFileSync(join(this.checkout.root, 'output', this.name, path), 'utf8');
  }

  json(path: string): unknown {
    return JSON.parse(this.read(path));
  }

  /** The hub is gone, and what its libraries had cached with it. */
  async loseHub(): Promise<void> {
    await this.hub.close();
    rmSync(this.#home, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub.close().catch(() => undefined);
    rmSync(this.#home, { recursive: true, force: true });
    await this.checkout[Symbol.asyncDispose]();
  }
}
