// How long the work of a plan takes on a host, and how much disk its weights take at the peak: a list schedule. Pure.
import { longestChainSeconds } from '../base/longest-chain.js';
import type { Keep } from '../suite/keep.js';

export interface Work {
  id: string;
  model: string;
  seconds: number;
  /** GPUs, all at once; 0: a CPU slot. */
  gpus: number;
  /** Higher first. */
  priority: number;
  /** Works of this forecast that end before it starts. */
  after: readonly string[];
  /** Weights it makes, by entry, in bytes. */
  makes: readonly { entry: string; bytes: number; baseline: boolean }[];
  /** Entries it reads. */
  reads: readonly string[];
}

export interface ForecastHost {
  gpus: number;
  cpuSlots: number;
  keep: Keep;
}

export interface Forecast {
  gpuSeconds: number;
  makespanSeconds: number;
  /** No schedule is shorter: the work over the GPUs (or CPU slots), or the longest chain. */
  boundSeconds: number;
  peakBytes: number;
}

/** `held`: bytes of weights there are already. */
export function forecast(works: readonly Work[], host: ForecastHost, held = 0): Forecast {
  const disk = new Disk(works, host.keep, held);
  const known = new Set(works.map(({ id }) => id));
  const waiting = new Map(works.map((one) => [one.id, one.after.filter((id) => known.has(id)).length]));
  const dependents = followers(works);
  let ready = works.filter((work) => waiting.get(work.id) === 0);
  const running: { work: Work; end: number }[] = [];
  let [now, gpus, slots] = [0, host.gpus, host.cpuSlots];
  for (;;) {
    ready.sort((a, b) => b.priority - a.priority);
    const left: Work[] = [];
    for (const work of ready) {
      // What the host could never run stands outside: the plan tells it as "does not fit".
      const wanted = Math.min(work.gpus, host.gpus);
      if (wanted > gpus || (wanted === 0 && slots === 0)) {
        left.push(work);
        continue;
      }
      gpus -= wanted;
      if (wanted === 0) slots -= 1;
      disk.start(work);
      running.push({ work, end: now + work.seconds });
    }
    ready = left;
    if (running.length === 0) break;
    now = Math.min(...running.map(({ end }) => end));
    for (const { work } of running.filter(({ end }) => end <= now)) {
      const wanted = Math.min(work.gpus, host.gpus);
      gpus += wanted;
      if (wanted === 0) slots += 1;
      disk.end(work);
      for (const next of dependents.get(work.id) ?? []) {
        const count = (waiting.get(next.id) ?? 0) - 1;
        waiting.set(next.id, count);
        if (count === 0) ready.push(next);
      }
    }
    running.splice(0, running.length, ...running.filter(({ end }) => end > now));
  }
  const gpuSeconds = works.reduce((sum, work) => sum + work.seconds * work.gpus, 0);
  return { gpuSeconds, makespanSeconds: now, boundSeconds: bound(works, host), peakBytes: disk.peak };
}

/** Bytes on the disk over time: an entry counts from its maker's start until its last reader's end, where it may go. */
class Disk {
  peak: number;
  #held: number;
  readonly #readers = new Map<string, number>();
  readonly #size = new Map<string, number>();

  constructor(
    works: readonly Work[],
    private readonly keep: ForecastHost['keep'],
    held: number,
  ) {
    this.#held = held;
    this.peak = held;
    for (const { reads, makes } of works) {
      for (const entry of reads) this.#readers.set(entry, (this.#readers.get(entry) ?? 0) + 1);
      for (const { entry, bytes, baseline } of makes) {
        if (keep === 'none' || (keep === 'baselines' && !baseline)) this.#size.set(entry, bytes);
      }
    }
  }

  start({ makes }: Work): void {
    this.#held += makes.reduce((sum, { bytes }) => sum + bytes, 0);
    this.peak = Math.max(this.peak, this.#held);
  }

  end({ reads }: Work): void {
    if (this.keep === 'all') return;
    for (const entry of reads) {
      const left = (this.#readers.get(entry) ?? 0) - 1;
      this.#readers.set(entry, left);
      if (left === 0) this.#held -= this.#size.get(entry) ?? 0;
    }
  }
}

function followers(works: readonly Work[]): Map<string, Work[]> {
  const found = new Map<string, Work[]>();
  for (const work of works) {
    for (const id of work.after) {
      const list = found.get(id);
      if (list === undefined) found.set(id, [work]);
      else list.push(work);
    }
  }
  return found;
}

function bound(works: readonly Work[], { gpus, cpuSlots }: ForecastHost): number {
  const onGpus = works.reduce((sum, work) => sum + work.seconds * Math.min(work.gpus, gpus), 0);
  const onSlots = works.reduce((sum, work) => sum + (Math.min(work.gpus, gpus) === 0 ? work.seconds : 0), 0);
  return Math.max(gpus > 0 ? onGpus / gpus : 0, onSlots / cpuSlots, longestChainSeconds(works));
}
