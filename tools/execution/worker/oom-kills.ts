// How often the kernel ended a process for lack of memory: its own count, of the host and of this control group.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Counts by where they are kept; what this system does not keep is left out. */
export function readOomKills(root = '/'): Record<string, number> {
  const places = ['proc/vmstat', ...memoryEvents(root)];
  return Object.fromEntries(
    places.flatMap((place) => {
      const count = /^oom_kill (\d+)$/m.exec(read(join(root, place)))?.[1];
      return count === undefined ? [] : [[place, Number(count)]];
    }),
  );
}

/** Kills since an earlier look, by the count that saw most. */
export function newOomKills(before: Record<string, number>, now: Record<string, number>): number {
  return Math.max(0, ...Object.entries(now).map(([place, count]) => count - (before[place] ?? count)));
}

/** memory.events of the own control group and all above it: any of them may be the one with the limit. */
function memoryEvents(root: string): string[] {
  const own = /^0::(\/.*)$/m.exec(read(join(root, 'proc/self/cgroup')))?.[1] ?? '/';
  const parts = own.split('/').filter((part) => part !== '');
  return [...parts.keys(), parts.length].map((depth) =>
    join('sys/fs/cgroup', ...parts.slice(0, depth), 'memory.events'),
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
