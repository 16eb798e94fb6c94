// What a cell is: the unit of work and of caching, as planSuite makes it and a target's options carry it.
import type { JsonObject } from '../../base/json-value.js';

export const CELL_KINDS = [
  'data',
  'setup',
  'calibrate',
  'preset',
  'baseline',
  'eval',
  'edit',
  'inject',
  'certify',
  'adopt',
  'guards',
  'regression',
  'certify012',
  'program',
] as const;
export type CellKind = (typeof CELL_KINDS)[number];

/** Kinds that one judge alone reads, planned where a suite names it: whatever becomes of them, all else is whole. */
export const JUDGE_KINDS: readonly CellKind[] = ['guards', 'regression', 'certify012'];

export const SIZE_CLASSES = ['tiny', '7b', '13b', '30b', '40b', 'moe', '70b'] as const;
export type SizeClass = (typeof SIZE_CLASSES)[number];

/**
 * A file a cell reads. Its digest is part of the cell's fingerprint.
 * `weights`: the path is a manifest; Python gets the store entry it names (a suite's data from the hub lie there, too).
 * `listing`: a directory too large to read
 * each time, which stands for itself by the names, sizes and times of its files. `content`: a file or a directory,
 * whichever lies there, by what is in it.
 */
export interface CellRead {
  /** Role, as the Python side looks it up: `baseline`, `subject`, `data-mmlu`, `preset`, `calibration-1`, `baseline-report`, … */
  name: string;
  /** Workspace-relative; that of a listing may be absolute. */
  path: string;
  as: 'weights' | 'file' | 'directory' | 'listing' | 'content';
}

/** A file Python leaves in its staging directory, and the workspace path it is published to. */
export interface CellWrite {
  file: string;
  path: string;
  /** An optional result may be absent (a certificate of a refused subject). */
  optional?: true;
}

/** One result set with its own receipt. Every cell has one part; a batch `edit` has one for each edit. */
export interface CellPart {
  /** Variant name for edits; the target name elsewhere. */
  name: string;
  /** Resolved parameters: everything, and only what, changes the result. Snake case: Python reads it. */
  spec: JsonObject;
  writes: CellWrite[];
  /** Workspace path of the receipt. */
  receipt: string;
  /** For kinds that make weights: workspace path of the link to the store entry. */
  link?: string;
}

/** What the executor gets as a target's options (plain JSON, in project.json). */
export interface CellOptions {
  kind: CellKind;
  model: string;
  sizeClass: SizeClass;
  reads: CellRead[];
  parts: CellPart[];
}

/** `<project>:<target>`, e.g. `smoke.tiny-dense.quant_8bit_clean:certify-1`. */
export type CellId = `${string}:${string}`;

export interface Cell extends CellOptions {
  id: CellId;
  project: string;
  target: string;
  description: string;
  dependsOn: CellId[];
  /** See `SuiteModel.sourceBytes`; kept in the target's metadata, which Nx does not hash. */
  sourceGiB?: number;
  /** Its own limit, from suite.yaml; kept there too. */
  timeoutSeconds?: number;
}
