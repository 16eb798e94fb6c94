// Tickets as files: one that is rung while it is removed is removed all the same.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { openLockDirectory } from '../../tools/lease/lock-directory.js';
import { removeTicket } from '../../tools/lease/records.js';

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
