// Tickets as files: one that is rung while it is removed is removed all the same.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { newId } from '../../../../tools/execution/lease/directory/ids.js';
import { openLockDirectory } from '../../../../tools/execution/lease/directory/lock-directory.js';
import { removeTicket } from '../../../../tools/execution/lease/directory/records.js';
import { survey } from '../../../../tools/execution/lease/survey.js';

test('a ticket goes however often its bell is rung meanwhile', async () => {
  const directory = openLockDirectory(mkdtempSync(join(tmpdir(), 'validation-lease-')));
  const place = join(directory.tickets, 'ticket');
  // Another process rings as fast as it can, wherever the ticket stands.
  const ringer = execa('sh', ['-c', 'while :; do true >"$0/granted"; done 2>/dev/null', place], {
    reject: false,
  });
  try {
    for (let n = 0; n < 300; n += 1) {
      mkdirSync(place);
      removeTicket(directory, 'ticket');
      expect(existsSync(place)).toBe(false);
    }
  } finally {
    ringer.kill('SIGKILL');
    await ringer;
    rmSync(directory.root, { recursive: true });
  }
});

test('a ticket that was never written goes with its executor, and stays while that may yet write it', () => {
  const directory = openLockDirectory(mkdtempSync(join(tmpdir(), 'validation-lease-')));
  const living = newId();
  // The same pid, born at another time.
  const dead = living.replace(/-[0-9a-f]{12}-/, '-000000000000-');
  for (const id of [living, dead]) mkdirSync(join(directory.tickets, id));
  expect(survey(directory)).toMatchObject({ tickets: [], warnings: [] });
  expect(readdirSync(directory.tickets)).toEqual([living]);
  rmSync(directory.root, { recursive: true });
});
