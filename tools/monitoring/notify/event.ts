// What is told to a webhook or a command: one JSON, the same for both. Its schema is docs/schemas/notification.schema.json.
import { z } from 'zod';
import { NOTIFY_EVENTS } from '../../suite/settings/site-table.js';

const count = z.number().int().min(0);

export const notificationSchema = z.object({
  schema: z.literal(1),
  event: z.enum([...NOTIFY_EVENTS, 'test']).describe('what happened; test: somebody tries it'),
  suite: z.string(),
  host: z.string(),
  at: z.string().describe('UTC, ISO-8601'),
  text: z.string().describe('the same as a sentence; chats show it as it is'),
  cells: z
    .object({ total: count, done: count, running: count, waiting: count, failed: count, not_started: count })
    .nullable()
    .describe('as in state/progress.json; null where that cannot be read'),
  run: z
    .object({ ended: z.enum(['well', 'with failures', 'interrupted']), failed: count })
    .optional()
    .describe('of run_ended: how, and how many targets failed'),
  cell: z
    .object({ id: z.string(), code: z.string(), message: z.string(), log: z.string().nullable() })
    .optional()
    .describe('of cell_failed: which, why, and the path of its log in the workspace'),
  disk: z
    .object({ message: z.string() })
    .optional()
    .describe('of disk_short: what is free and what must stay free'),
  idle: z
    .object({ minutes: z.number(), running: z.array(z.string()), waiting: count })
    .optional()
    .describe('of nothing_moved: for how long, which cells run, how many wait'),
});

export type Notification = z.infer<typeof notificationSchema>;
