// The hub by hand: node test/hub/serve.mjs [--port 8123] [--rules rules.json] [--content DIRECTORY]. It says its address and serves until it is ended.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { content } from './content.mjs';
import { start } from './hub.mjs';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    rules: { type: 'string' },
    content: { type: 'string' },
    empty: { type: 'boolean', default: false },
    until: { type: 'string' },
  },
});
const hub = await start({
  port: Number(values.port),
  rules: values.rules === undefined ? [] : JSON.parse(readFileSync(values.rules, 'utf8')),
  ...(values.empty ? {} : { content: values.content ?? (await content()) }),
});
console.log(`HF_ENDPOINT=${hub.url}`);
const end = () => void hub.close();
process.once('SIGINT', end);
process.once('SIGTERM', end);
// A test that started it and is gone needs it no more.
if (values.until === 'stdin-ends') process.stdin.resume().once('end', end);
