// The fingerprint of one result set: everything that can change it, and nothing else.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CellKind } from '../../suite/model/cell.js';
import type { JsonObject } from '../../base/json-value.js';
import { canonicalJson, sha256 } from '../../base/canonical.js';
import type { Versions } from './identity.js';

export interface FingerprintFacts {
  kind: CellKind;
  spec: JsonObject;
  /** Digest of each input, by role. */
  reads: Record<string, string>;
  /** Digest of each Python file of the kind, by workspace path. */
  sources: Record<string, string>;
  versions: Versions;
  deviceClass: string;
}

/** SHA-256 of the canonical JSON of the facts; for weights also the recipe that names the store entry. */
export function fingerprint(facts: FingerprintFacts): string {
  return sha256(canonicalJson({ schema: 1, ...facts }));
}

export function digestSources(workspaceRoot: string, sources: readonly string[]): Record<string, string> {
  return Object.fromEntries(sources.map((path) => [path, sha256(readFileSync(join(workspaceRoot, path)))]));
}
