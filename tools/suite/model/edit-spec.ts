// Edits of weights: their parameters, the one-line notation (`quant_rtn:8:128:ffn`) and their names. docs/formulas.md#edits
import { fail, ok, type Result } from '../../base/result.js';
import { inName } from './names.js';
import type { Taken } from './weight-formats.js';

export const SCOPES = ['ffn', 'attn', 'all'] as const;
export type Scope = (typeof SCOPES)[number];
export const FP4_FORMATS = ['e2m1', 'aggressive'] as const;

export type EditSpec =
  | { type: 'quant_rtn'; bits: number; group_size: number; scope: Scope }
  | { type: 'fp4_quant'; format: (typeof FP4_FORMATS)[number]; scope: Scope }
  | { type: 'magnitude_prune'; sparsity: number; scope: Scope }
  | { type: 'lowrank_svd'; rank: number; scope: Scope }
  | { type: 'gaussian_noise'; sigma: number; scope: Scope }
  | { type: 'scale'; factor: number; scope: Scope }
  | { type: 'zero_blocks'; count: number; scope: Scope };
export type EditType = EditSpec['type'];

/** An edit made elsewhere: its weights are there already. */
export interface CheckpointSpec {
  type: 'checkpoint';
  /** As a model's. */
  source: { type: 'hub'; id: string; revision: string } | { type: 'path'; path: string };
  /** Of a quantized one. */
  taken?: Taken;
}

/** An edit that a program of the suite's own makes. */
export interface ProgramSpec {
  type: 'program';
  /** With its placeholders; the first is a word for PATH, or a path. */
  command: readonly string[];
  /** Of suite.yaml, workspace-relative: what paths in the command are relative to. */
  directory: string;
  /** Files and directories, workspace-relative, or absolute where they lie outside. */
  inputs: readonly string[];
  gpus: number;
  seed: number;
  /** In no result. */
  timeoutSeconds?: number;
  /** Where what it writes is quantized. */
  taken?: Taken;
}
export type OwnSpec = CheckpointSpec | ProgramSpec;

/** Whether no pass over the baseline makes it. */
export function isOwn(spec: EditSpec | OwnSpec): spec is OwnSpec {
  return isCheckpoint(spec) || spec.type === 'program';
}

export function isCheckpoint(spec: EditSpec | OwnSpec): spec is CheckpointSpec {
  return spec.type === 'checkpoint';
}

/** Whether it is evaluated in the quantized format that it has, and not certified. */
export function isRunQuantized(spec: EditSpec | OwnSpec): boolean {
  return isOwn(spec) && spec.taken?.as === 'quantized';
}

/** A `ladder`'s step is expected to be nothing: its outcomes say what it is. */
export type EditClass = ListedClass | 'ladder';
/** Of an edit in the list of its class. */
export type ListedClass = 'clean' | 'stress';

/** The parameters of a type in the order its one-line notation has them. */
export const EDIT_PARAMETERS: Record<EditType, readonly string[]> = {
  quant_rtn: ['bits', 'group_size', 'scope'],
  fp4_quant: ['format', 'scope'],
  magnitude_prune: ['sparsity', 'scope'],
  lowrank_svd: ['rank', 'scope'],
  gaussian_noise: ['sigma', 'scope'],
  scale: ['factor', 'scope'],
  zero_blocks: ['count', 'scope'],
};
export const EDIT_TYPES = Object.keys(EDIT_PARAMETERS) as EditType[];

const NUMBER = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** `quant_rtn:<bits>:<group_size>:<scope>` */
export function notation(type: EditType): string {
  return [type, ...EDIT_PARAMETERS[type].map((parameter) => `<${parameter}>`)].join(':');
}

export function isEditType(word: string): word is EditType {
  return Object.hasOwn(EDIT_PARAMETERS, word);
}

/** Splits the one-line notation into a mapping. Values are not judged here: the schema does, for both forms. */
export function parseNotation(text: string): Result<Record<string, string | number>, string> {
  const [type = '', ...values] = text.split(':').map((field) => field.trim());
  if (!isEditType(type)) {
    return fail(`begins with none of the edit types; allowed: ${EDIT_TYPES.map(notation).join(', ')}`);
  }
  const parameters = EDIT_PARAMETERS[type];
  if (values.length !== parameters.length) {
    return fail(
      `has ${values.length} fields after the type, not ${parameters.length}; allowed: ${notation(type)}`,
    );
  }
  const fields = parameters.map((parameter, index): [string, string | number] => {
    const value = values[index] ?? '';
    return [parameter, NUMBER.test(value) ? Number(value) : value];
  });
  return ok({ type, ...Object.fromEntries(fields) });
}

export function formatEdit(spec: EditSpec): string {
  const values = spec as unknown as Record<string, string | number>;
  return [spec.type, ...EDIT_PARAMETERS[spec.type].map((parameter) => String(values[parameter]))].join(':');
}

/**
 * The name of the variant, as the original script has it: `quant_8bit_clean`, `prune_10pct_clean`, … A ladder's step is
 * named by all its parameters, so that other steps and ladders never change its name: `quant_4bit_g32_ffn`.
 */
export function editName(spec: EditSpec, editClass: EditClass): string {
  if (editClass !== 'ladder') return `${stem(spec)}_${editClass}`;
  const group = spec.type === 'quant_rtn' ? `_g${spec.group_size}` : '';
  return `${stem(spec)}${group}_${spec.scope}`;
}

function stem(spec: EditSpec): string {
  switch (spec.type) {
    case 'quant_rtn':
      return `quant_${spec.bits}bit`;
    case 'fp4_quant':
      return `fp4_${spec.format}`;
    case 'magnitude_prune':
      return `prune_${inName(spec.sparsity * 100)}pct`;
    case 'lowrank_svd':
      return `svd_rank${spec.rank}`;
    case 'gaussian_noise':
      return `noise_${inName(spec.sigma)}`;
    case 'scale':
      return `scale_${inName(spec.factor)}x`;
    case 'zero_blocks':
      return `zero_${spec.count}blocks`;
  }
}
