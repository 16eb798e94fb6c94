// Executor `watch`: a page that shows how a suite stands, on the loopback, until Ctrl-C.
import { say } from '../base/text/say.js';
import { join } from 'node:path';
import type { ExecutorContext } from '@nx/devkit';
import { cancellation } from '../base/cancellation.js';
import { livePage } from '../monitoring/watch/page.js';
import { serve } from '../monitoring/watch/serve.js';
import { snapshots } from '../monitoring/watch/snapshot.js';
import { reportPath } from '../results/report/make-report.js';
import { STYLE } from '../results/report/style.js';
import { requireGeneratedSuite } from '../suite/nx/generated.js';
import { outcomeOf, type Outcome } from './outcome.js';

export default function watch(
  { suite, port = 0 }: { suite: string; port?: number },
  { root }: ExecutorContext,
): Promise<Outcome> {
  return outcomeOf(`watch of ${suite} failed`, async () => {
    requireGeneratedSuite(root, suite);
    const { signal, dispose } = cancellation();
    const served = await serve({
      page: livePage(suite, STYLE),
      snapshot: snapshots(root, suite, reportPath(suite)),
      directory: join(root, 'output', suite),
      port,
    });
    try {
      say(`${suite} live, for who has this URL on this host, until Ctrl-C:\n  ${served.url}`);
      if (!signal.aborted)
        await new Promise((ended) => {
          signal.addEventListener('abort', ended, { once: true });
        });
    } finally {
      await served.close();
      dispose();
    }
  });
}
