// Executor `notify`: who is told of events, and with --test an event that tries it.
import { complain, say } from '../base/text/say.js';
import type { ExecutorContext } from '@nx/devkit';
import { deliver, eventsOf, receivers } from '../monitoring/notify/deliver.js';
import { notification, readProgressFile } from '../monitoring/notify/look.js';
import { loadSiteSettings, SITE_FILE } from '../suite/settings/settings.js';
import { outcomeOf, type Outcome } from './outcome.js';

export default function notify(
  { suite, test = false }: { suite: string; test?: boolean },
  { root }: ExecutorContext,
): Promise<Outcome> {
  return outcomeOf(`notify of ${suite} failed`, async () => {
    const settings = loadSiteSettings(root);
    const told = receivers(settings);
    if (told.length === 0) {
      complain(`nobody is told: give notify.webhook or notify.command in ${SITE_FILE} (docs/watching.md)`);
      return !test;
    }
    say(`${eventsOf(settings).join(', ')}: ${told.join(' and ')}`);
    if (!test) return true;
    const text = `${suite}: this is a test of notifications`;
    const event = notification(suite, readProgressFile(root, suite), Date.now(), { event: 'test', text });
    const deliveries = await deliver(event, settings);
    for (const { to, failed } of deliveries) {
      if (failed === undefined) say(`${to}: told`);
      else complain(`${to}: ${failed}`);
    }
    return deliveries.every(({ failed }) => failed === undefined);
  });
}
