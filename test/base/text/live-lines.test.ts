import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { LIVE_LINES, LiveLineReader, tellLive } from '../../../tools/base/text/live-lines.js';

test('lines are taken once, whole, and in order; nobody makes the file of a reader that is gone', () => {
  const directory = mkdtempSync(join(tmpdir(), 'live-lines-'));
  try {
    const path = join(directory, 'lines');
    vi.stubEnv(LIVE_LINES, path);
    expect(tellLive({ from: 'p', text: 'nobody reads' })).toBe(false);
    writeFileSync(path, '');
    const reader = new LiveLineReader(path);
    expect(reader.take()).toEqual([]);
    expect(tellLive({ from: 'p', text: 'größer' })).toBe(true);
    expect(tellLive({ from: 'q', text: '1 %', passing: true })).toBe(true);
    appendFileSync(path, '{"from":"p",');
    expect(reader.take()).toEqual([
      { from: 'p', text: 'größer' },
      { from: 'q', text: '1 %', passing: true },
    ]);
    expect(reader.take()).toEqual([]);
    appendFileSync(path, '"text":"late"}\n');
    expect(reader.take()).toEqual([{ from: 'p', text: 'late' }]);
    vi.stubEnv(LIVE_LINES, undefined);
    expect(tellLive({ from: 'p', text: 'nobody asked' })).toBe(false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
