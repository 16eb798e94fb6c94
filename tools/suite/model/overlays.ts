// InvarLocks beside the one of .venv, each in a directory of its own there: for judges that a suite names.
import type { JudgeName } from './suite.js';

/** Of a judge: the exact version, as its lock file pins it. */
export const OVERLAY_VERSIONS = {
  'invarlock-0.12': '0.12.1',
  'invarlock-0.17': '0.17.1',
} as const satisfies Partial<Record<JudgeName, string>>;
export type OverlayName = keyof typeof OVERLAY_VERSIONS;
export const OVERLAYS = Object.keys(OVERLAY_VERSIONS) as OverlayName[];

/** Hashed requirements file of an overlay, workspace-relative. */
export function overlayLock(name: OverlayName): string {
  return `tools/python/overlays/${name}.lock`;
}
