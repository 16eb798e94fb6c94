// What an attempt of a cell used, measured: GPU-held time, peaks of memory, bytes written. For its receipt.
import { GIB } from '../../base/units.js';
import type { GpuReading } from '../../host/gpu-answer.js';
import type { CellEvent } from '../records/events.js';

export interface Usage {
  /** Seconds of the run that do not go with the size of the model; null where it did not say. */
  startSeconds: number | null;
  /** GPUs times the seconds they were held, from the grant on; 0 without a GPU. */
  gpuHeldSeconds: number;
  /**
   * Peaks over the attempt, added up over its GPUs: of torch's tensors, and of all that is taken on the devices (CUDA
   * context and the allocator's reserve too) by nvidia-smi's samples. Null without a GPU, or where nothing was read.
   */
  peakGpuBytes: { torch: number | null; nvidiaSmi: number | null };
  /** Largest resident set of the process or one of its ended children; null when it ended without a word. */
  peakRssBytes: number | null;
  /** Bytes handed to write calls; null when the process did not say, or the system does not count them. */
  bytesWritten: number | null;
}

export interface UsageMeterOptions {
  /** UUIDs of the lease's GPUs. */
  gpus: readonly string[];
  /** When they were granted, and when the run began, milliseconds since the epoch. */
  grantedAt: number;
  beganAt: number;
  /** All GPUs of the host, from nvidia-smi. */
  readGpus: () => Promise<readonly GpuReading[]>;
  sampleEveryMs?: number;
}

const SAMPLE_EVERY_MS = 2_000;

/** Measures one attempt: feed it the events of its process, and ask it once the process has ended. */
export class UsageMeter implements Disposable {
  readonly #options: UsageMeterOptions;
  readonly #peaks = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #said: Extract<CellEvent, { event: 'usage' }> | undefined;
  #startedAt: number | undefined;
  #besideSeconds = 0;

  constructor(options: UsageMeterOptions) {
    this.#options = options;
    if (options.gpus.length > 0) this.#sampleSoon();
  }

  onEvent(event: CellEvent): void {
    if (event.event === 'usage') this.#said = event;
    if (event.event === 'started') this.#startedAt ??= Date.now();
    if (event.event === 'beside') this.#besideSeconds += event.seconds;
  }

  usage(now = Date.now()): Usage {
    const { gpus, grantedAt } = this.#options;
    const taken = [...this.#peaks.values()].reduce((sum, bytes) => sum + bytes, 0);
    return {
      startSeconds:
        this.#startedAt === undefined
          ? null
          : Math.max(0, this.#startedAt - this.#options.beganAt) / 1000 + this.#besideSeconds,
      gpuHeldSeconds: (gpus.length * Math.max(0, now - grantedAt)) / 1000,
      peakGpuBytes: {
        torch: this.#said?.peak_gpu_bytes ?? null,
        nvidiaSmi: this.#peaks.size === 0 ? null : Math.round(taken),
      },
      peakRssBytes: this.#said?.peak_rss_bytes ?? null,
      bytesWritten: this.#said?.bytes_written ?? null,
    };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** One sample after another, never two at once: a slow nvidia-smi must not pile up. */
  #sampleSoon(): void {
    this.#timer = setTimeout(() => {
      void this.#sample().finally(() => {
        if (this.#timer !== undefined) this.#sampleSoon();
      });
    }, this.#options.sampleEveryMs ?? SAMPLE_EVERY_MS);
    this.#timer.unref();
  }

  async #sample(): Promise<void> {
    try {
      for (const { uuid, totalGiB, freeGiB } of await this.#options.readGpus()) {
        if (!this.#options.gpus.includes(uuid)) continue;
        const taken = (totalGiB - freeGiB) * GIB;
        this.#peaks.set(uuid, Math.max(this.#peaks.get(uuid) ?? 0, taken));
      }
    } catch {
      // A sample that fails is a sample less; a broken nvidia-smi is told where GPUs are leased.
    }
  }
}
