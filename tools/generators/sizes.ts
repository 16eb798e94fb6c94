// How large a model's weights will be in the store, by what its source tells: plans of memory and disk go by it until the
// model is here. Floating point is stored and loaded as bf16, however the source has it.
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { readIfThere } from '../base/files.js';

/** As the setup takes them (tools/python/validation/sources/download.py): safetensors, else pickles. */
const SAFETENSORS = /^model.*\.safetensors$/;
const PICKLES = /^pytorch_model.*\.bin$/;

/** Of one number in the store, by safetensors' name of its dtype at the source; of others the files' size counts. */
const STORED_BYTES: Readonly<Record<string, number>> = {
  ...{ F64: 2, F32: 2, F16: 2, BF16: 2 },
  ...{ I64: 8, U64: 8, I32: 4, U32: 4, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1, F8_E4M3: 1, F8_E5M2: 1 },
};
/** Bytes of one number in pickles, by the dtype that config.json names. */
const NAMED_BYTES: Readonly<Record<string, number>> = { float64: 8, float32: 4 };
const STORED_FLOAT = 2;
/** As the setup allows (weights/checkpoint.py). */
const LONGEST_HEADER = 100_000_000;

/** Numbers by safetensors' name of their dtype. */
export type Parameters = Readonly<Record<string, number>>;

/** What is known of the files of a model's top directory. */
export interface SourceFiles {
  sizes: ReadonlyMap<string, number>;
  /** Of all safetensors files together; undefined where nobody tells. */
  parameters?: Parameters | undefined;
  /** Read only where the weights are pickles: they do not tell their dtype before they are loaded. */
  config?: string | undefined;
}

/** Bytes of the weights in the store; undefined where there are none, or none has a size. */
export function storedBytes({ sizes, parameters, config }: SourceFiles): number | undefined {
  const safetensors = sum(sizes, SAFETENSORS);
  if (safetensors > 0) return (parameters && bytesOf(parameters)) ?? safetensors;
  const pickled = sum(sizes, PICKLES);
  if (pickled === 0) return undefined;
  const each = NAMED_BYTES[dtypeOf(config) ?? ''];
  return each === undefined ? pickled : Math.round((pickled * STORED_FLOAT) / each);
}

/** Whether config.json is needed to tell how large they will be. */
export function arePickles(sizes: ReadonlyMap<string, number>): boolean {
  return sum(sizes, SAFETENSORS) === 0 && sum(sizes, PICKLES) > 0;
}

/** Of a model given by its path; undefined where there is nothing yet. */
export function directoryBytes(workspaceRoot: string, path: string): number | undefined {
  const directory = resolve(workspaceRoot, path);
  try {
    const sizes = new Map(readdirSync(directory).map((name) => [name, statSync(join(directory, name)).size]));
    const files = [...sizes.keys()].filter((name) => SAFETENSORS.test(name));
    const config = arePickles(sizes) ? readIfThere(join(directory, 'config.json')) : undefined;
    return storedBytes({
      sizes,
      parameters: parametersOf(files.map((name) => join(directory, name))),
      config,
    });
  } catch {
    return undefined;
  }
}

function sum(sizes: ReadonlyMap<string, number>, pattern: RegExp): number {
  return [...sizes].reduce((all, [name, size]) => all + (pattern.test(name) ? size : 0), 0);
}

function bytesOf(parameters: Parameters): number | undefined {
  const found = Object.entries(parameters).map(([dtype, count]) => count * (STORED_BYTES[dtype] ?? NaN));
  const bytes = found.reduce((all, one) => all + one, 0);
  return Number.isFinite(bytes) && bytes > 0 ? bytes : undefined;
}

const headerSchema = z.record(z.string(), z.unknown());
const tensorSchema = z.object({ dtype: z.string(), shape: z.array(z.number().int().nonnegative()) });

/** By the headers of safetensors files; undefined where one cannot be read: its setup says what is wrong with it. */
function parametersOf(files: readonly string[]): Parameters | undefined {
  const found: Record<string, number> = {};
  for (const file of files) {
    const header = headerOf(file);
    if (header === undefined) return undefined;
    for (const [name, value] of Object.entries(header)) {
      if (name === '__metadata__') continue;
      const tensor = tensorSchema.safeParse(value);
      if (!tensor.success) return undefined;
      const { dtype, shape } = tensor.data;
      found[dtype] = (found[dtype] ?? 0) + shape.reduce((all, one) => all * one, 1);
    }
  }
  return found;
}

function headerOf(file: string): Record<string, unknown> | undefined {
  const handle = openSync(file, 'r');
  try {
    const length = Buffer.alloc(8);
    if (readSync(handle, length, 0, 8, 0) < 8) return undefined;
    const bytes = length.readBigUInt64LE();
    if (bytes > LONGEST_HEADER) return undefined;
    const header = Buffer.alloc(Number(bytes));
    if (readSync(handle, header, 0, header.length, 8) < header.length) return undefined;
    return headerSchema.parse(JSON.parse(header.toString('utf8')));
  } catch {
    return undefined;
  } finally {
    closeSync(handle);
  }
}

const dtypeSchema = z.object({ dtype: z.string().optional(), torch_dtype: z.string().optional() });
const configSchema = dtypeSchema.extend({ text_config: dtypeSchema.optional().catch(undefined) });

/** What a config.json says its weights are stored as, `float32` say. */
function dtypeOf(config: string | undefined): string | undefined {
  try {
    const { text_config: text, ...whole } = configSchema.parse(JSON.parse(config ?? ''));
    const said = whole.dtype ?? whole.torch_dtype ?? text?.dtype ?? text?.torch_dtype;
    return said?.replace(/^torch\./, '');
  } catch {
    return undefined;
  }
}
