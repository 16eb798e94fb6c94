// A process's identity as the files of the lock directory hold it.
import { z } from 'zod';

export const identitySchema = z.object({
  pid: z.number().int(),
  startTime: z.string(),
  bootId: z.string(),
  pidNamespace: z.string(),
  timeNamespace: z.string().optional(),
  host: z.string(),
});
