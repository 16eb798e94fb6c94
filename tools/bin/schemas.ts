// `npm run schemas`: writes docs/schemas/ anew, after a change of an analysis file.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../base/files.js';
import { notificationSchema } from '../monitoring/notify/event.js';
import { jsonSchemas } from '../results/outputs/json-schemas.js';
import { formatJson } from '../suite/nx/format-json.js';

const directory = join(process.cwd(), 'docs', 'schemas');
rmSync(directory, { recursive: true, force: true });
const all = jsonSchemas([{ path: 'notification.json', schema: notificationSchema }]);
for (const [name, schema] of all) writeWhole(join(directory, name), formatJson(schema));
