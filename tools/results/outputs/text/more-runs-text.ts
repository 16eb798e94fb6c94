// What more runs would buy, in sentences: for the text, the Markdown summary and the report alike.
import { upperFirst } from './format.js';
import type { MoreRuns, Purchase } from '../../analysis/more-runs.js';

const NAMES: Record<Purchase['what'], (count: number) => string> = {
  models: (count) => `${count} more ${count === 1 ? 'model' : 'models'} with the same edits and errors`,
  edits: (count) => `${count} more judged ${count === 1 ? 'edit' : 'edits'}`,
  errors: (count) => `${count} more judged ${count === 1 ? 'error' : 'errors'}`,
};

export function moreRunsSentences({ target, needed, ways, obstacles }: MoreRuns): string[] {
  if (target === null || needed === null) return [];
  const each = ways.map(({ what, add, score }) => `${NAMES[what](add)} (score ${score.toFixed(1)})`);
  const buys =
    each.length === 0
      ? []
      : [
          `Confidence ${target} needs a score of ${needed}; if they came out alike, ${orList(each)} would reach it.`,
        ];
  return [...buys, ...obstacles.map((obstacle) => `${upperFirst(obstacle)}.`)];
}

function orList(items: readonly string[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} or ${items.at(-1) ?? ''}`;
}
