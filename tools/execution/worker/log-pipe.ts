// The way of Python's output into its log: a named pipe whose other end is this process, so that only what is clean of
// secrets is ever written, also should this process be killed.
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { LogWriter } from './log-file.js';

/** A process that left the worker's group may hold its output open for ever. */
const DRAIN_MS = 2_000;

export class LogPipe {
  #received = 0;
  #looked = 0;
  #over = false;
  /** Holds the pipe open while nobody writes: else the first to end would be its end. */
  readonly #holder: number;
  readonly #socket: Socket;
  readonly #closed: Promise<void>;
  readonly #writer: LogWriter;

  private constructor(
    readonly path: string,
    log: string,
    secrets: readonly string[],
  ) {
    this.#writer = new LogWriter(log, secrets);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#holder = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    this.#socket = new Socket({ fd: reader, readable: true, writable: false });
    this.#socket.on('data', (chunk: Uint8Array) => {
      this.#received += chunk.length;
      this.#writer.push(chunk);
    });
    this.#closed = new Promise((resolve) => {
      this.#socket.once('close', () => {
        resolve();
      });
      this.#socket.on('error', () => undefined);
    });
  }

  /** @throws Error where no pipe or log can be made: the disk is full or read-only. */
  static async open(path: string, log: string, secrets: readonly string[]): Promise<LogPipe> {
    if (await makePipe(path)) return new LogPipe(path, log, secrets);
    // Some network file systems know no pipes.
    const elsewhere = join(tmpdir(), `validation-log-${randomBytes(6).toString('hex')}.pipe`);
    if (await makePipe(elsewhere)) return new LogPipe(elsewhere, log, secrets);
    throw new Error(`no pipe for a log can be made (mkfifo), neither ${path} nor in ${tmpdir()}`);
  }

  /** Its writers have it open, or none will come: nothing that copies or searches directories is to stumble over it. */
  unlink(): void {
    rmSync(this.path, { force: true });
  }

  /** Whether anything came since the last look. */
  hasGrown(): boolean {
    const grown = this.#received > this.#looked;
    this.#looked = this.#received;
    return grown;
  }

  /** The worker has ended: what it wrote last is taken, and the log is whole. */
  async end(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.unlink();
    closeSync(this.#holder);
    await Promise.race([this.#closed, sleep(DRAIN_MS, undefined, { ref: false })]);
    this.#socket.destroy();
    this.#writer.end();
  }
}

async function makePipe(path: string): Promise<boolean> {
  rmSync(path, { force: true });
  const { exitCode } = await execa('mkfifo', ['-m', '600', path], { stdin: 'ignore', reject: false });
  return exitCode === 0;
}
