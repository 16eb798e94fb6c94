// @ts-check
// A storm: cells that want GPUs while nvidia-smi is slow, fails, hangs and lies by turns.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../seeded.mjs';
import { requestOf } from './executors.mjs';
import { FakeGpus } from './fake-gpus.mjs';

const GPUS = 4;
const LIMIT_MS = 3_000;

/** What nvidia-smi does for a while: shell before its own answer. @type {string[]} */
export const WEATHER = [
  '',
  'sleep 1.2',
  'sleep 0.5',
  'exec sleep 60',
  'echo "Failed to initialize NVML: Unknown Error"; exit 18',
  'echo "No devices were found"; exit 6',
  'exit 0',
  'exit 255',
  'kill -9 $$',
  'exec yes',
  'echo "Unable to determine the device handle for GPU0000:04:00.0: GPU is lost."; exit 15',
  'echo "WARNING: infoROM is corrupted at gpu 0000:81:00.0"',
  'case "$1" in *compute-apps*) echo "[Not Supported]"; exit 0 ;; esac',
  'case "$1" in *compute-apps*) ;; *) echo "0, GPU-0, [N/A], [N/A], 9.0, [N/A]"; exit 0 ;; esac',
];

/**
 * @param {{ seed: number, cells: number, processes?: number, changeEveryMs?: number }} options
 * @returns {Promise<{ done: number, failed: string[], violations: string[], calls: number, seconds: number }>}
 */
export async function smiStorm({ seed, cells, processes = 4, changeEveryMs = 700 }) {
  const random = seeded(seed);
  const gpus = new FakeGpus(GPUS);
  const root = mkdtempSync(join(tmpdir(), 'validation-lease-'));
  const began = performance.now();
  const found = { done: 0, failed: /** @type {string[]} */ ([]) };
  const over = new AbortController();
  try {
    const children = Array.from({ length: processes }, (_, at) => {
      const requests = Array.from({ length: Math.ceil(cells / processes) }, (_, nth) =>
        requestOf(`cell-${at}-${nth}`, {
          pool: gpus.uuids,
          gpus: random() < 0.1 ? 2 : 1,
          gpuLocks: gpus.locks,
          nvidiaSmiMs: LIMIT_MS,
        }),
      );
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'storm-cells.mjs'), JSON.stringify({ root, requests })],
        { env: { ...process.env, ...gpus.env }, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      createInterface({ input: child.stdout }).on('line', (line) => {
        const said = JSON.parse(line);
        if (said.done === true) found.done += 1;
        else if (said.done === false || said.failed !== undefined) found.failed.push(line);
      });
      return new Promise((resolve) => child.once('close', resolve));
    });
    const change = async () => {
      while (!over.signal.aborted) {
        // Fair weather half of the time: else a machine with few cores would sit in one storm for ever.
        const weather = random() < 0.5 ? '' : (WEATHER[Math.floor(random() * WEATHER.length)] ?? '');
        gpus.script(weather);
        await sleep(changeEveryMs * (0.5 + random()), undefined, { signal: over.signal }).catch(
          () => undefined,
        );
      }
    };
    await Promise.all([Promise.all(children).then(() => over.abort()), change()]);
    const seconds = (performance.now() - began) / 1_000;
    return { ...found, violations: gpus.violations(), calls: gpus.calls(), seconds };
  } finally {
    gpus.dispose();
    rmSync(root, { recursive: true, force: true });
  }
}
