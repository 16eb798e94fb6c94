import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { commandOf, parentOf } from '../../tools/host/process-identity.js';

describe.skipIf(process.platform !== 'linux')('a running process', () => {
  test('has a parent and a command', async () => {
    const child = spawn('sleep', ['30'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const pid = child.pid ?? -1;
    expect(parentOf(pid)).toBe(process.pid);
    expect(commandOf(pid)).toBe('sleep');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(parentOf(pid)).toBeUndefined();
    expect(commandOf(pid)).toBeUndefined();
  });
});
