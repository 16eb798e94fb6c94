// Who is there of a rig, by /proc: for whoever ends processes, or looks for those that are left.
import { readdirSync, readFileSync } from 'node:fs';
import type { Rig } from './workspace.js';

const processes = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** A file of /proc; empty where the process has ended meanwhile, or is another user's. */
export function readOf(pid: number | string, file: 'cmdline' | 'environ' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** As a line. */
export function commandOf(pid: number): string {
  return readOf(pid, 'cmdline').replaceAll('\0', ' ');
}

function childrenOf(parent: number): number[] {
  return processes().filter((pid) => {
    const stat = readOf(pid, 'stat');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
  });
}

/** Of a run of nx. */
export function executorsOf(nx: number): number[] {
  return childrenOf(nx).filter((pid) => readOf(pid, 'cmdline').includes('run-executor'));
}

/** Everything started by the rig's runs, known by its environment; zombies have none. */
export function processesOf(rig: Rig): number[] {
  return processes().filter((pid) =>
    readOf(pid, 'environ').split('\0').includes(`RIG_WORKSPACE=${rig.root}`),
  );
}
