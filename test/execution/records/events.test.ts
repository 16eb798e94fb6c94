import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter, parseEvent } from '../../../tools/execution/records/events.js';

test('events are read, noise is not', () => {
  expect(parseEvent('{"event":"part","name":"a"}')).toEqual({ event: 'part', name: 'a' });
  expect(parseEvent('{"event":"fault","code":"disk_full","message":"full"}')).toMatchObject({
    code: 'disk_full',
    hint: '',
  });
  for (const line of [
    '',
    'Loading weights',
    '{"event":"part"}',
    '{"event":"later"}',
    '[1]',
    'null',
    '{"event":"part",',
  ]) {
    expect(parseEvent(line)).toBeUndefined();
  }
});

test('lines come out whole however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary' }).map((line) => line.replaceAll('\n', ''))),
      fc.array(fc.integer({ min: 1, max: 7 })),
      (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const splitter = new LineSplitter();
        const seen: string[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          seen.push(...splitter.push(bytes.subarray(at, at + cut)));
          at += cut;
        }
        // A byte-order mark at the start is dropped by the decoder, as everywhere.
        expect(seen).toEqual(new TextDecoder().decode(bytes).split('\n').slice(0, -1));
      },
    ),
  );
});

test('a line without end is dropped, not kept for ever', () => {
  const splitter = new LineSplitter(100);
  for (let i = 0; i < 1000; i += 1) expect(splitter.push(Buffer.from('x'.repeat(50)))).toEqual([]);
  splitter.push(Buffer.from('\n'));
  expect(splitter.push(Buffer.from('{"event":"part","name":"b"}\n'))).toEqual([
    '{"event":"part","name":"b"}',
  ]);
});
