// `npm run schemas`: writes docs/schemas/ anew, after a change of an analysis file.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../base/files.js';
import { jsonSchemas } from '../results/outputs/json-schemas.js';
import { formatJson } from '../suite/nx/format-json.js';

const directory = join(process.cwd(), 'docs', 'schemas');
rmSync(directory, { recursive: true, force: true });
for (const [name, schema] of jsonSchemas()) writeWhole(join(directory, name), formatJson(schema));
