import { expect, test } from 'vitest';
import { LiveTerminal } from '../../../tools/base/text/live-terminal.js';

function written(isTTY: boolean): { terminal: LiveTerminal; text: () => string; pass: (ms: number) => void } {
  let text = '';
  let now = 0;
  const out = { isTTY, columns: 20, write: (more: string) => ((text += more), true) };
  const terminal = new LiveTerminal(out, () => now);
  return { terminal, text: () => text, pass: (ms) => (now += ms) };
}

test('on a terminal a passing line stays in its place, and leaves nothing behind', () => {
  const { terminal, text } = written(true);
  terminal.passing('1 of 2');
  terminal.passing('longer than the terminal is wide');
  terminal.line('done \u001b[31m');
  terminal.clear();
  const clear = '\r\u001b[K';
  expect(text()).toBe(`${clear}1 of 2\r${clear}longer than the te…\r${clear}done \\x1b[31m\n`);
});

test('in a log passing lines are few', () => {
  const { terminal, text, pass } = written(false);
  terminal.line('begins');
  for (let second = 1; second <= 65; second += 1) {
    pass(1_000);
    terminal.passing(`${second} s`);
  }
  terminal.line('done');
  expect(text()).toBe('begins\n30 s\n60 s\ndone\n');
});
