// Lines for whoever looks on: lasting ones, and one in the last place that the next takes over. Where no terminal is, the
// latter are lines too, but few.
import { monotonicMs } from '../clock.js';
import { shown } from './say.js';

export interface Onlooker {
  line: (text: string) => void;
  /** Until the next one, or a line. */
  passing: (text: string) => void;
}

type Out = Pick<NodeJS.WriteStream, 'write'> & Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>>;

/** Between two passing lines of a log. */
const SELDOM_MS = 30_000;
const WIDTH = 80;
/** Back to the beginning of the line, and nothing in it. */
const CLEAR = '\r\u001b[K';

export class LiveTerminal implements Onlooker {
  #isPassing = false;
  #saidAtMs = monotonicMs();

  constructor(
    private readonly out: Out,
    private readonly nowMs = monotonicMs,
  ) {}

  line(text: string): void {
    this.clear();
    this.#saidAtMs = this.nowMs();
    this.out.write(`${shown(text)}\n`);
  }

  passing(text: string): void {
    if (this.out.isTTY !== true) {
      if (this.nowMs() - this.#saidAtMs >= SELDOM_MS) this.line(text);
      return;
    }
    this.#isPassing = true;
    const { columns = 0 } = this.out;
    const width = (columns > 0 ? columns : WIDTH) - 1;
    const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
    // The cursor waits at the beginning: whoever else prints something begins there.
    this.out.write(`${CLEAR}${shown(cut)}\r`);
  }

  /** Nothing passing is left. */
  clear(): void {
    if (this.#isPassing) this.out.write(CLEAR);
    this.#isPassing = false;
  }
}
