// JSON for files that people read and compare, as prettier has it: what fits on a line stands on one.
import type { JsonValue } from '../../base/json-value.js';

const WIDTH = 110;

export function formatJson(value: JsonValue): string {
  return `${print(value, 0, 0)}\n`;
}

/** `taken`: characters the line already has before this value (its indent and key). */
function print(value: JsonValue, depth: number, taken: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  // One character is kept for the comma.
  const flat = oneLine(value, WIDTH - taken - 1);
  if (flat !== undefined) return flat;
  const indent = '  '.repeat(depth + 1);
  const lines = Array.isArray(value)
    ? value.map((item) => indent + print(item, depth + 1, indent.length))
    : Object.entries(value).map(([key, field]) => {
        const start = `${indent}${JSON.stringify(key)}: `;
        return start + print(field, depth + 1, start.length);
      });
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  if (lines.length === 0) return open + close;
  return `${open}\n${lines.join(',\n')}\n${'  '.repeat(depth)}${close}`;
}

/** The value on one line, or undefined as soon as it is longer than `room`. */
function oneLine(value: JsonValue, room: number): string | undefined {
  if (typeof value !== 'object' || value === null) {
    const text = JSON.stringify(value);
    return text.length <= room ? text : undefined;
  }
  const list = Array.isArray(value);
  const fields: string[] = [];
  let length = list ? 2 : 4;
  for (const [key, field] of Object.entries(value)) {
    const start = list ? '' : `${JSON.stringify(key)}: `;
    const text = oneLine(field, room - length - start.length);
    if (text === undefined) return undefined;
    fields.push(start + text);
    length += start.length + text.length + 2;
  }
  if (fields.length === 0) return list ? '[]' : '{}';
  return length - 2 <= room ? (list ? `[${fields.join(', ')}]` : `{ ${fields.join(', ')} }`) : undefined;
}
