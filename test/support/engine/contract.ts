// What every engine promises, as tests: the same for the leases of this host and for a real Slurm.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Engine, EngineFailure, Way } from '../../../tools/execution/engine/engine.js';
import type { Result } from '../../../tools/base/result.js';

/** What the work is to do. */
export interface Task {
  key: string;
  gpus: number;
  sleepMs?: number;
  /** It says that it failed. */
  fails?: boolean;
}

export interface Said {
  ok: boolean;
  gpus: number;
}

/** One engine under test. */
export interface Bench<Its extends Way> {
  engine: Engine<Its>;
  run: (task: Task, signal: AbortSignal) => Promise<Result<Said, EngineFailure>>;
  /** Starts and ends of work, a JSON line each. */
  notes: string;
}

export function notesOf(path: string, key: string): { what: 'start' | 'end'; at: number }[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { what: 'start' | 'end'; key: string; at: number })
    .filter((note) => note.key === key);
}

export function contract<Its extends Way>(bench: () => Bench<Its>): void {
  const never = new AbortController().signal;

  test('work is done once, with as many GPUs as it asked for', async () => {
    const { run, notes } = bench();
    expect(await run({ key: 's.m.x:two', gpus: 2 }, never)).toEqual({
      ok: true,
      value: { ok: true, gpus: 2 },
    });
    expect(notesOf(notes, 's.m.x:two').map(({ what }) => what)).toEqual(['start', 'end']);
  });

  test('work that says it failed has said so, and may come again', async () => {
    const { run, notes } = bench();
    const task = { key: 's.m.x:fails', gpus: 1, fails: true };
    const said = { ok: true, value: { ok: false, gpus: 1 } };
    expect(await run(task, never)).toEqual(said);
    expect(await run(task, never)).toEqual(said);
    expect(notesOf(notes, task.key).filter(({ what }) => what === 'start')).toHaveLength(2);
  });

  test('cancelled work ends, and says that it was cancelled', async () => {
    const { run, notes } = bench();
    const cancelling = new AbortController();
    const key = 's.m.x:long';
    const done = run({ key, gpus: 1, sleepMs: 600_000 }, cancelling.signal);
    await expect.poll(() => notesOf(notes, key).length, { timeout: 60_000 }).toBe(1);
    cancelling.abort();
    expect(await done).toMatchObject({ ok: false, error: { reason: 'cancelled' } });
    // It may be had again, and not by what was cancelled.
    expect(await run({ key, gpus: 1 }, never)).toMatchObject({ ok: true, value: { ok: true } });
  });

  test('two of one key never work at once', async () => {
    const { run, notes } = bench();
    const task = { key: 's.m.x:same', gpus: 1, sleepMs: 1_500 };
    const both = await Promise.all([run(task, never), run(task, never)]);
    expect(both.map(({ ok }) => ok)).toEqual([true, true]);
    const order = notesOf(notes, task.key).map(({ what }) => what);
    expect(order.filter((_, index) => index % 2 === 0).every((what) => what === 'start')).toBe(true);
    expect(order.filter((_, index) => index % 2 === 1).every((what) => what === 'end')).toBe(true);
  });

  test('its pools have GPUs of some memory', async () => {
    const pools = await bench().engine.pools();
    expect(pools.length).toBeGreaterThan(0);
    for (const { gpuGiB } of pools) expect(Math.min(...gpuGiB)).toBeGreaterThan(0);
  });
}
