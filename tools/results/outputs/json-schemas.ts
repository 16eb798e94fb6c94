// JSON Schemas of the analysis files and of state/progress.json, from the zod schemas they are made with; docs/schemas/ holds them.
import { z } from 'zod';
import type { JsonValue } from '../../base/json-value.js';
import { progressFileSchema } from '../../execution/progress/progress.js';
import { OUTPUTS } from './index.js';

/** By file name: `final_verdict.schema.json`, of a table's rows `eval_results.row.schema.json`. */
export function jsonSchemas(
  others: readonly { path: string; schema: z.ZodType }[] = [],
): Map<string, JsonValue> {
  const outputs = [
    ...Object.values(OUTPUTS),
    { path: 'state/progress.json', schema: progressFileSchema },
    ...others,
  ];
  return new Map(
    outputs.flatMap(({ path, schema }) => {
      if (schema === null) return [];
      const file = path.slice(path.lastIndexOf('/') + 1);
      const name = file.endsWith('.csv')
        ? file.replace('.csv', '.row.schema.json')
        : file.replace('.json', '.schema.json');
      const { $schema, ...rest } = z.toJSONSchema(schema) as Record<string, JsonValue>;
      return [[name, { $schema: $schema ?? null, $id: name, ...rest }]];
    }),
  );
}
