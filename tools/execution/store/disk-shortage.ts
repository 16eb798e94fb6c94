// Ends a maker of weights when the disk runs short: it would go on filling it. All others write little, and may end.
import { Fault } from '../../base/fault.js';
import type { CellPart } from '../../suite/model/cell.js';
import { DISK_HINT, diskPressure, type DiskWatch } from './disk.js';

export class DiskShortage {
  readonly #abort = new AbortController();
  /** Aborts when the worker has to end. */
  readonly signal = this.#abort.signal;
  /** Why it had to end; undefined while the disk suffices. */
  fault: Fault | undefined;

  constructor(
    private readonly disk: DiskWatch,
    private readonly parts: readonly Pick<CellPart, 'link'>[],
  ) {}

  look(): void {
    const pressure = diskPressure(this.disk);
    if (pressure === undefined || !this.parts.some(({ link }) => link !== undefined)) return;
    this.fault = new Fault('disk_full', `ended: ${pressure}`, DISK_HINT);
    this.#abort.abort();
  }
}
