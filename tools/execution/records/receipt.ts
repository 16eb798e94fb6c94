// Receipts: what a finished result set was made of. One whose fingerprint and results still match ends the cell.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { CellPart } from '../../suite/model/cell.js';
import { digestFile, readJson, readRegular, staysInside, writeWhole } from '../../base/files.js';
import { sha256 } from '../../base/canonical.js';
import { toldValue } from './events.js';
import { parseManifest, weightsProblem } from './manifest.js';

const insideWorkspace = z.string().refine(staysInside, { message: 'a path inside the workspace' });
const recipe = z.string().regex(/^[0-9a-f]{64}$/);

export const attemptSchema = z.object({
  number: z.number(),
  /** Workspace-relative. */
  log: insideWorkspace,
  /** As shells count: 124 took too long, 128 + n ended by signal n. */
  exitCode: z.number(),
  /** A fault code; absent for a try that ended well. */
  cause: z.string().optional(),
  /** What it did otherwise than planned: batch_size, extra_gpus, seq_len. */
  changed: z.record(z.string(), z.number()).optional(),
  startedAt: z.string().optional(),
  endedAt: z.string().default(''),
  /** UUIDs. */
  gpus: z.array(z.string()).optional(),
});

const receiptSchema = z.object({
  schema: z.literal(1),
  cell: z.string(),
  part: z.string(),
  fingerprint: z.string(),
  versions: z.record(z.string(), z.string()),
  deviceClass: z.string(),
  /** Digest of each input, by role. */
  reads: z.record(z.string(), z.string()),
  /** Digest of each published file, by workspace path. */
  results: z.record(insideWorkspace, z.string()),
  /** The store entry of weights. */
  recipe: recipe.nullable(),
  startedAt: z.string(),
  endedAt: z.string(),
  /** Seconds in the queue and in Python. */
  waitSeconds: z.number(),
  runSeconds: z.number(),
  /** Of these, those that do not go with the size of the model; null where the kind does not tell. */
  startSeconds: z.number().nullable().default(null),
  gpus: z.array(z.string()),
  /** The job that made it (engine: slurm): which submission of its cell, its number, its node. */
  job: z.object({ submission: z.string(), id: z.string(), node: z.string() }).optional(),
  threads: z.number(),
  /** How it computed: determinism, TF32, attention, compilation, the batch size used; empty where nothing was told. */
  settings: z.record(z.string(), toldValue).default({}),
  /** Measured, see usage.ts; what receipts of an earlier version lack is null. */
  gpuHeldSeconds: z.number().nullable().default(null),
  peakGpuBytes: z
    .object({ torch: z.number().nullable(), nvidiaSmi: z.number().nullable() })
    .default({ torch: null, nvidiaSmi: null }),
  peakRssBytes: z.number().nullable(),
  bytesWritten: z.number().nullable().default(null),
  /** Tries of the run that made it, the one that ended well last. */
  attempts: z.array(attemptSchema),
});

export type Receipt = z.infer<typeof receiptSchema>;
export type AttemptReport = z.infer<typeof attemptSchema>;

export function writeReceipt(workspaceRoot: string, part: CellPart, receipt: Receipt): void {
  writeWhole(join(workspaceRoot, part.receipt), `${JSON.stringify(receipt, null, 2)}\n`);
}

const SECOND_LOOK_MS = 200;

/**
 * Why a part must run, or undefined when its receipt stands for it. Where only some of its files are there, or they
 * are not as the receipt says, another run may be restoring them: they are looked at a second time.
 *
 * @param weightsWanted false where weights may be gone: whoever needs them makes them again.
 */
export async function reasonToRun(
  workspaceRoot: string,
  storageRoot: string,
  part: CellPart,
  fingerprint: string,
  weightsWanted = true,
): Promise<string | undefined> {
  const reason = await mismatch(workspaceRoot, storageRoot, part, fingerprint, weightsWanted);
  const files = [part.receipt, ...part.writes.map(({ path }) => path)];
  if (reason === undefined || !files.some((path) => existsSync(join(workspaceRoot, path)))) return reason;
  await sleep(SECOND_LOOK_MS);
  return mismatch(workspaceRoot, storageRoot, part, fingerprint, weightsWanted);
}

async function mismatch(
  workspaceRoot: string,
  storageRoot: string,
  part: CellPart,
  fingerprint: string,
  weightsWanted: boolean,
): Promise<string | undefined> {
  const receipt = readReceipt(join(workspaceRoot, part.receipt));
  if (receipt === undefined) return 'no receipt';
  if (receipt.fingerprint !== fingerprint) return 'its inputs, parameters, code or versions changed';
  const altered = await alteredResult(workspaceRoot, receipt);
  if (altered !== undefined) return altered.detail;
  return receipt.recipe === null || !weightsWanted
    ? undefined
    : reasonToRebuild(workspaceRoot, storageRoot, part);
}

export interface AlteredResult {
  reason: 'absent' | 'altered';
  detail: string;
}

/** The first published file that is not what the receipt says. */
export async function alteredResult(
  workspaceRoot: string,
  receipt: Receipt,
): Promise<AlteredResult | undefined> {
  for (const [path, digest] of Object.entries(receipt.results)) {
    const found = await digestFile(join(workspaceRoot, path)).catch(() => undefined);
    if (found === undefined) return { reason: 'absent', detail: `${path} is gone` };
    if (found !== digest) return { reason: 'altered', detail: `${path} was altered` };
  }
  return undefined;
}

async function reasonToRebuild(
  workspaceRoot: string,
  storageRoot: string,
  part: CellPart,
): Promise<string | undefined> {
  const manifest = part.writes.find(({ file }) => file === 'manifest.json');
  if (manifest === undefined) return 'it has no manifest';
  const text = readRegular(join(workspaceRoot, manifest.path)).toString();
  const problem = await weightsProblem(storageRoot, parseManifest(text), sha256(text));
  return problem === undefined ? undefined : `weights are ${problem.how} (${problem.path})`;
}

/** Undefined when the file is missing, torn or foreign: the cell then runs. */
export function readReceipt(path: string): Receipt | undefined {
  return readJson(receiptSchema, path);
}
