// The weights on a simulated disk: what each cell makes and reads, and when they are evicted.
import type { CellKind } from '../../../suite/model/cell.js';
import { isEvictable, type Keep } from '../../../suite/model/keep.js';
import type { ScheduledCell } from '../../../suite/plan/schedule.js';

export class Weights {
  bytes = 0;
  peakBytes = 0;
  readonly #atFirst: number;
  readonly #stored = new Map<string, number>();
  readonly #consumers = new Map<string, string[]>();
  readonly #makers = new Map<string, CellKind>();

  constructor(
    cells: readonly ScheduledCell[],
    private readonly keep: Keep,
    stored: ReadonlyMap<string, number>,
  ) {
    for (const [variant, bytes] of stored) this.store(variant, bytes);
    this.#atFirst = this.bytes;
    this.peakBytes = this.bytes;
    for (const cell of cells) {
      for (const part of cell.parts.filter(({ link }) => link !== undefined)) {
        this.#makers.set(part.writes[0]?.path ?? '', cell.kind);
      }
      for (const read of cell.reads.filter(({ as }) => as === 'weights')) {
        this.#consumers.set(read.path, [...(this.#consumers.get(read.path) ?? []), cell.id]);
      }
    }
  }

  /** Beside those that were there at first. */
  get addedBytes(): number {
    return this.bytes - this.#atFirst;
  }

  makes({ parts }: ScheduledCell): boolean {
    return parts.some(({ link }) => link !== undefined);
  }

  variantOf({ parts }: ScheduledCell, name: string): string {
    return parts.find((part) => part.name === name)?.writes[0]?.path ?? name;
  }

  /** Weights the cell reads that were evicted: it rebuilds them. */
  missingFor({ reads }: ScheduledCell): string[] {
    return reads
      .filter(({ as, path }) => as === 'weights' && this.#makers.has(path) && !this.#stored.has(path))
      .map(({ path }) => path);
  }

  makerOf(variant: string): CellKind | undefined {
    return this.#makers.get(variant);
  }

  /** The hub's cache keeps what was downloaded, for good. */
  keepCopy(bytes: number): void {
    this.bytes += bytes;
  }

  store(variant: string, bytes: number): void {
    if (this.#stored.has(variant)) return;
    this.#stored.set(variant, bytes);
    this.bytes += bytes;
  }

  /** With what running cells write there may be so much at once. */
  note(writing: number): void {
    this.peakBytes = Math.max(this.peakBytes, this.bytes + writing);
  }

  bytesOf(cell: ScheduledCell): number {
    return cell.parts.reduce((sum, { name }) => sum + (this.#stored.get(this.variantOf(cell, name)) ?? 0), 0);
  }

  /** Evict what the cell made before, but for what it makes now. */
  evict(cell: ScheduledCell, making: readonly string[]): void {
    for (const { name } of cell.parts) if (!making.includes(name)) this.#remove(this.variantOf(cell, name));
  }

  /** Evict weights whose last consumer is finished; under `baselines` never a baseline. */
  evictConsumed(finished: ReadonlySet<string>): void {
    if (this.keep === 'all') return;
    for (const variant of [...this.#stored.keys()]) {
      const maker = this.#makers.get(variant);
      if (maker === undefined || !isEvictable(this.keep, maker)) continue;
      const consumers = this.#consumers.get(variant) ?? [];
      if (consumers.length > 0 && consumers.every((id) => finished.has(id))) this.#remove(variant);
    }
  }

  #remove(variant: string): void {
    this.bytes -= this.#stored.get(variant) ?? 0;
    this.#stored.delete(variant);
  }
}
