// Packages beside those of .venv, each in a directory of its own there: InvarLocks for judges that a suite names, and what
// runs the formats of quantized checkpoints that it evaluates as they are.
import type { JudgeName } from './suite.js';
import { FORMAT_PACKAGES, type FormatPackage } from './weight-formats.js';

/** Of a judge: the exact version, as its lock file pins it. */
export const OVERLAY_VERSIONS = {
  'invarlock-0.12': '0.12.1',
  'invarlock-0.17': '0.17.1',
} as const satisfies Partial<Record<JudgeName, string>>;
export type JudgeOverlay = keyof typeof OVERLAY_VERSIONS;
export const JUDGE_OVERLAYS = Object.keys(OVERLAY_VERSIONS) as JudgeOverlay[];
export const FORMAT_OVERLAYS = Object.keys(FORMAT_PACKAGES) as FormatPackage[];
export type OverlayName = JudgeOverlay | FormatPackage;
export const OVERLAYS: readonly OverlayName[] = [...JUDGE_OVERLAYS, ...FORMAT_OVERLAYS];

/** Hashed requirements file of an overlay, workspace-relative. */
export function overlayLock(name: OverlayName): string {
  return `tools/python/overlays/${name}.lock`;
}
