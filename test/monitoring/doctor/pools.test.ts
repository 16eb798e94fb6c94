// What the doctor says of a pool that was probed, by its record.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { poolRecordPath, poolText, type PoolRecord } from '../../../tools/execution/engine/slurm/pools.js';
import { knownPools } from '../../../tools/monitoring/doctor/pools.js';

const SETTINGS = { accelerator: 'auto', slurmPools: null, slurmPartition: null } as const;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-pools-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const RECORD: PoolRecord = {
  node: 'n1',
  at: '2030-01-01T00:00:00Z',
  deviceClass: 'cuda-sm90',
  gpus: [],
  driver: '550.54',
  torch: { ok: true, says: '2.8 cuda' },
  hardLinks: true,
  pool: poolText({ name: 'default' }, SETTINGS),
  gpusPerNode: 2,
  seenAfterSeconds: 0.25,
};

function found(more: Partial<PoolRecord>) {
  const path = poolRecordPath(root, 'default');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify({ ...RECORD, ...more }));
  return knownPools(root, SETTINGS);
}

const what = 'locks (flock) of the head in the weights store';

describe('locks between hosts', () => {
  test('seen', () => {
    const message = `n1: cuda-sm90; its files are seen here after 0.3 s; ${what} are seen there; torch 2.8 cuda`;
    expect(found({ lock: 'seen' })).toEqual([{ level: 'ok', what: 'pool default', message }]);
  });

  test('not seen: a warning that says what to do', () => {
    const [finding] = found({ lock: 'not seen' });
    expect(finding).toMatchObject({ level: 'warning' });
    expect(finding?.message).toContain(`${what} are not seen there`);
    expect(finding?.fix).toMatch(/storage\.root.*docs\/slurm\.md/);
  });

  test('not to be told: a warning with the reason', () => {
    const [finding] = found({ lock: { problem: 'the head can hold none: ENOLCK' } });
    expect(finding).toMatchObject({ level: 'warning' });
    expect(finding?.message).toContain(
      `whether ${what} are seen there cannot be told: the head can hold none: ENOLCK`,
    );
  });

  test('a record of an earlier version is read, and does not tell', () => {
    const [finding] = found({});
    expect(finding).toMatchObject({ level: 'ok' });
    expect(finding?.message).toContain(`whether ${what} are seen there is unknown`);
  });

  test('where torch does not compute, that comes first, and the locks are told with it', () => {
    const [finding] = found({ torch: { ok: false, says: 'no torch' }, lock: 'not seen' });
    expect(finding).toMatchObject({ level: 'error' });
    expect(finding?.message).toMatch(/are not seen there; torch does not compute there: no torch$/);
  });
});
