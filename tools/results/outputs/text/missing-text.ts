// The part of the text that says what is missing: everything, by cell, what needs a person first.
import type { Analysis } from '../../analysis/analyse.js';
import type { Missing, MissingReason } from '../../read/files.js';
import { WIDTH, wrap } from './format.js';

const TITLES: Record<MissingReason, string> = {
  failed: 'Failed',
  altered: 'Altered after the cell had ended',
  unreadable: 'Unreadable',
  incomplete: 'Lacking something',
  mismatched: 'Not the items the baseline was asked',
  absent: 'Finished, but the file is gone',
  stale: 'Of other parameters than planned',
  not_run: 'Not run',
};

export function missingLines({ missing, merged }: Analysis): string[] {
  const lines: string[] = [];
  for (const [reason, title] of Object.entries(TITLES)) {
    const ones = missing.filter((one) => one.reason === reason);
    if (ones.length === 0) continue;
    lines.push(`  ${title} (${ones.length})`);
    // Cells that merely wait are many and alike: one line a project. The others come with file and reason.
    lines.push(...(reason === 'not_run' ? byProject(ones) : ones.flatMap(detailed)));
  }
  const unmerged = merged.filter((one) => one.value === null);
  if (unmerged.length > 0) {
    lines.push(`  Not merged, since a part is missing (${unmerged.length})`);
    lines.push(...unmerged.map((one) => `    ${one.path}`));
  }
  return lines.length === 0 ? [] : ['Missing', ...lines];
}

function detailed(one: Missing): string[] {
  return [
    `    ${one.cell}`,
    `      ${one.path}`,
    ...wrap(one.detail.split(' '), WIDTH - 6).map((line) => `      ${line}`),
  ];
}

function byProject(ones: readonly Missing[]): string[] {
  const targets = new Map<string, Set<string>>();
  for (const { cell } of ones) {
    const colon = cell.lastIndexOf(':');
    const project = cell.slice(0, colon);
    targets.set(project, (targets.get(project) ?? new Set()).add(cell.slice(colon + 1)));
  }
  return [...targets].flatMap(([project, names]) => [
    `    ${project}`,
    ...wrap([...names], WIDTH - 6).map((line) => `      ${line}`),
  ]);
}
