import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runSummary } from '../../../tools/monitoring/run/run-summary.js';
import { timeLines } from '../../../tools/monitoring/run/run-times.js';
import type { PlannedCell } from '../../../tools/suite/plan/planned.js';

const time = (runSeconds: number, waitSeconds: number) => ({ runSeconds, waitSeconds });

test('how the time of a run divides is told where waiting is noticeable', () => {
  expect(timeLines([time(3600, 1200), time(1800, 600)])).toEqual([
    "  2 cells computed for 1 h 30 min and waited 30 min 00 s (25 %) for a GPU or CPU slot; Nx's critical path, recoverable time and recommendations count waiting as work",
  ]);
});

test.each([
  ['no cell ran', []],
  ['less than a minute', [time(10, 59)]],
  ['less than a tenth of the time', [time(3600, 300)]],
])('no line: %s', (_, times) => {
  expect(timeLines(times)).toEqual([]);
});

test('only cells that the run made count, and a cell of several parts once', async () => {
  const root = mkdtempSync(join(tmpdir(), 'validation-run-times-'));
  try {
    const cells = [
      // Its parts were made together.
      cell(root, 'edits', ['2026-01-01T01:00:00.000Z', '2026-01-01T01:00:00.000Z']),
      // An earlier run's receipt stood.
      cell(root, 'old', ['2025-12-31T01:00:00.000Z']),
      // From Nx's cache.
      cell(root, 'cached', ['2026-01-01T02:00:00.000Z']),
    ];
    const run = {
      ...{ workspaceRoot: root, suite: 's', cells, since: Date.parse('2026-01-01T00:00:00.000Z') },
      ran: new Set(['s.m.edits:edit', 's.m.old:edit']),
    };
    expect((await runSummary(run)).join()).toContain(
      '1 cell computed for 3 min 20 s and waited 1 min 40 s (33 %)',
    );
    expect(await runSummary({ ...run, ran: new Set() })).toEqual([]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

function cell(root: string, variant: string, ended: readonly string[]): PlannedCell {
  const id = `s.m.${variant}:edit`;
  const parts = ended.map((endedAt, at) => {
    const receipt = {
      ...{ schema: 1, cell: id, part: 'p', fingerprint: 'f', versions: {}, deviceClass: 'cpu', reads: {} },
      ...{ results: {}, recipe: null, startedAt: '', endedAt, waitSeconds: 100, runSeconds: 200, gpus: [] },
      ...{ threads: 1, peakRssBytes: null, attempts: [] },
    };
    const path = `${variant}-${at}.json`;
    writeFileSync(join(root, path), JSON.stringify(receipt));
    return { name: 'p', spec: {}, writes: [], receipt: path };
  });
  return { id, kind: 'edit', model: 'm', reads: [], parts } as unknown as PlannedCell;
}
