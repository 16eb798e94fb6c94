// The model tiny-moe of the smoke suite with the real torch, lm-eval and InvarLock, each cell a job on one of two nodes of a
// real Slurm. Nodes here have no GPUs that compute: the site says so.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { Checkout } from '../e2e/checkout.mjs';
import { Cluster, noSlurm } from '../support/slurm/cluster.js';

const missing = noSlurm();

interface Receipt {
  cell: string;
  job?: { id: string; node: string };
}

function receiptsOf(root: string): Receipt[] {
  const output = join(root, 'output/smoke');
  return readdirSync(output, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('receipt.json'))
    .map((name) => JSON.parse(readFileSync(join(output, name), 'utf8')) as Receipt);
}

const title = `tiny-moe, a job a cell on two nodes${missing === undefined ? '' : ` (${missing})`}`;
test.skipIf(missing !== undefined)(title, async () => {
  await using cluster = await Cluster.start();
  await using checkout = await Checkout.create({
    ...{ CUDA_VISIBLE_DEVICES: '', NX_DAEMON: 'false', VALIDATION_ENGINE: 'slurm' },
    ...{ VALIDATION_SLURM_MAX_JOBS: '4', VALIDATION_SLURM_POLL: '1' },
    ...cluster.env,
  });
  const site = join(checkout.root, 'workspace-config/site.yaml');
  // A job has a node for itself: else all of them have room on the first.
  const text = readFileSync(site, 'utf8').replace('accelerator: auto', 'accelerator: cpu');
  writeFileSync(site, `${text}\nslurm:\n  extra: [--exclusive]\n`);
  const { exitCode, output, seconds } = await checkout.nx(
    ...['run-many', '-t', 'certify', '-p', 'tag:model:tiny-moe', '--output-style=static'],
  );
  expect(exitCode, output.slice(-5_000)).toBe(0);
  const receipts = receiptsOf(checkout.root);
  const inJobs = receipts.filter(({ job }) => job !== undefined);
  console.log(`tiny-moe: ${receipts.length} results, ${inJobs.length} of jobs, in ${seconds.toFixed(0)} s`);
  // Only the download, presets and errors ran beside nx.
  const beside = receipts.filter(({ job }) => job === undefined).map(({ cell }) => cell.split(':')[1] ?? '');
  expect(beside.filter((target) => !/^(setup|data|preset|inject)/.test(target))).toEqual([]);
  expect(new Set(inJobs.map(({ job }) => job?.node))).toEqual(new Set(['node1', 'node2']));
  const { stdout } = await execa('squeue', ['--noheader'], { env: cluster.env });
  expect(stdout).toBe('');
});
