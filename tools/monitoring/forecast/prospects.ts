// The prospect of each cell before a run: whether its results are taken as they are, it runs and why, or it cannot.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ok, type Result } from '../../base/result.js';
import type { CellOptions } from '../../suite/model/cell.js';
import { isEvictable } from '../../suite/model/keep.js';
import { makersFor, makersOf, type PlannedCell } from '../../suite/plan/planned.js';
import { pythonSources } from '../../suite/model/python-sources.js';
import { runsOnAccelerator } from '../../suite/memory/memory.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import { digestSources, fingerprint } from '../../execution/records/fingerprint.js';
import { versionsOf, type MachineIdentity } from '../../execution/records/identity.js';
import { reasonToRun } from '../../execution/records/receipt.js';
import { digestRead } from '../../execution/records/reads.js';

/** In place of the digest of a file that is still to be made. */
const NOT_YET = 'not yet';

export interface CellProspect {
  id: string;
  /** As `plan` shows it. */
  state: 'cached' | 'to run' | 'blocked';
  /** Why it runs, or what it lacks; empty for a finished one. */
  reason: string;
  /** Names of the parts that run; a batch makes only what lacks a receipt. */
  parts: string[];
}

/**
 * The prospect of every cell, in the plan's order. `unfit`: cells this host can never run, with the reason. A cell behind
 * one that runs runs too, if it makes other bytes; it is counted as one that runs. `answered`: cells that Nx answers from
 * its cache, whatever of their weights is here.
 */
export async function cellProspects(
  workspaceRoot: string,
  cells: readonly PlannedCell[],
  settings: Pick<SiteSettings, 'storageRoot' | 'storageKeep'>,
  machine: Pick<MachineIdentity, 'versions' | 'deviceClass'>,
  unfit: ReadonlyMap<string, string>,
  answered: ReadonlySet<string> = new Set(),
): Promise<CellProspect[]> {
  const makers = makersOf(cells);
  const states = new Map<string, Promise<CellProspect>>();
  const digests = new Map<string, ReturnType<typeof digestRead>>();
  const sources = new Map<string, Record<string, string>>();

  const stateOf = (cell: PlannedCell): Promise<CellProspect> => {
    const found = states.get(cell.id) ?? examine(cell);
    states.set(cell.id, found);
    return found;
  };
  const digestOf = (read: CellOptions['reads'][number]): ReturnType<typeof digestRead> => {
    const key = `${read.as}\t${read.path}`;
    const found = digests.get(key) ?? digestRead(workspaceRoot, read);
    digests.set(key, found);
    return found;
  };

  async function examine(cell: PlannedCell): Promise<CellProspect> {
    const { id, parts } = cell;
    if (answered.has(id)) return { id, state: 'cached', reason: '', parts: [] };
    const all = parts.map(({ name }) => name);
    const ahead = await Promise.all(makersFor(cell, makers).map(stateOf));
    const why = unfit.get(id);
    const stuck = ahead.find(({ state }) => state === 'blocked');
    const moving = await Promise.all(cell.reads.map(({ path }) => isMadeAnew(path)));
    const own = await ownReasons(cell, moving.includes(true));
    if (!own.ok) return { id, state: 'blocked', reason: own.error, parts: all };
    const { parts: running, reason } = own.value;
    if (running.length === 0) return { id, state: 'cached', reason: '', parts: [] };
    if (why !== undefined) return { id, state: 'blocked', reason: why, parts: running };
    if (stuck !== undefined)
      return { id, state: 'blocked', reason: `${stuck.id} is blocked`, parts: running };
    return { id, state: 'to run', reason, parts: running };
  }

  /** Of a batch only what its running parts write. */
  async function isMadeAnew(path: string): Promise<boolean> {
    const maker = makers.get(path);
    if (maker === undefined) return false;
    const { parts } = await stateOf(maker);
    return maker.parts.some(
      ({ name, writes }) => parts.includes(name) && writes.some((one) => one.path === path),
    );
  }

  /** Parts that run by what stands on the disk now; `moving`: something it reads is made anew before. */
  async function ownReasons(
    { kind, reads, parts }: PlannedCell,
    moving: boolean,
  ): Promise<Result<{ parts: string[]; reason: string }, string>> {
    const inputs: Record<string, string> = {};
    for (const read of reads) {
      // What a cell makes will be there; what nobody makes must be.
      const made = makers.has(read.path);
      // Nobody is waited for who may be writing it just now.
      const absent = made && !existsSync(join(workspaceRoot, read.path));
      const digest = absent ? undefined : await digestOf(read);
      if (digest?.ok === false && !made) return fail(digest.error.message);
      inputs[read.name] = digest?.ok === true ? digest.value : NOT_YET;
    }
    const files = sources.get(kind) ?? digestSources(workspaceRoot, pythonSources(kind));
    sources.set(kind, files);
    const deviceClass = runsOnAccelerator({ kind, parts }) ? machine.deviceClass : 'cpu';
    const versions = versionsOf(kind, machine.versions);
    const found = await Promise.all(
      parts.map(async (part) => {
        const now = fingerprint({
          kind,
          spec: part.spec,
          reads: inputs,
          sources: files,
          versions,
          deviceClass,
        });
        // Weights that may go by themselves are made again by whoever needs them.
        const wanted = !isEvictable(settings.storageKeep, kind);
        return { part, reason: await reasonToRun(workspaceRoot, settings.storageRoot, part, now, wanted) };
      }),
    );
    const running = found.filter(({ reason }) => reason !== undefined);
    if (running.length > 0 || !moving) {
      const [first] = running;
      return ok({ parts: running.map(({ part }) => part.name), reason: first?.reason ?? '' });
    }
    const reason = 'what it reads is made anew, and may come out otherwise';
    return ok({ parts: parts.map(({ name }) => name), reason });
  }

  return Promise.all(cells.map(stateOf));
}
