// Files as the analysis gets them: read and parsed at the edge, judged here.
import type { z } from 'zod';
import { describeIssues } from './schema.js';

/** A file that was read: its JSON value, or why there is none. A path not in the map does not exist. */
export type FileContent = { ok: true; value: unknown } | { ok: false; detail: string };
/** By workspace-relative path. */
export type Files = ReadonlyMap<string, FileContent>;

/**
 * Why a result is not there:
 * `not_run`: its cell has left no receipt;
 * `failed`: nor has it, and its last attempt ended in a fault;
 * `stale`: its receipt is of other parameters;
 * `altered`: a file has other bytes than it had when its cell ended;
 * `absent`: its cell has finished, yet the file is gone;
 * `unreadable`: the file is broken, or not of the expected shape;
 * `incomplete`: the file lacks something the verdict needs (a flag, a benchmark);
 * `mismatched`: its items are not those the baseline was asked, so the two cannot be compared.
 */
export type MissingReason =
  'not_run' | 'failed' | 'stale' | 'altered' | 'absent' | 'unreadable' | 'incomplete' | 'mismatched';

export interface Missing {
  cell: string;
  path: string;
  reason: MissingReason;
  detail: string;
}

export type Parsed<T> =
  { ok: true; value: T } | { ok: false; reason: 'absent' | 'unreadable'; detail: string };

/** The file at `path` as `schema` wants it. */
export function parseFile<T>(files: Files, path: string, schema: z.ZodType<T>): Parsed<T> {
  const content = files.get(path);
  if (content === undefined) return { ok: false, reason: 'absent', detail: 'the file does not exist' };
  if (!content.ok) return { ok: false, reason: 'unreadable', detail: content.detail };
  const parsed = schema.safeParse(content.value);
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, reason: 'unreadable', detail: describeIssues(parsed.error) };
}
