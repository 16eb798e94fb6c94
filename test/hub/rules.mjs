// Rules: what a hub does otherwise than well, to which requests, and how often.

/**
 * What a rule looks at. All of it must hold; what is left out holds always.
 * @typedef {object} When
 * @property {'models' | 'datasets'} [kind]
 * @property {string} [repo] An id as it is asked for; `*` stands for anything (`cais/*`).
 * @property {string} [path] A regular expression that the request's path holds (`resolve/.*\.parquet`).
 * @property {string} [method] `GET`, `HEAD` or `POST`.
 * @property {number} [skip] So many such requests are answered well first.
 * @property {number} [times] So many are answered by the rule, and then all well again.
 *
 * What it does, one or more of these.
 * @typedef {object} Does
 * @property {'gated' | 'private' | 'missing' | 'disabled'} [access] To anybody without the token `allow`.
 * @property {string} [allow] The token that is let in.
 * @property {string} [redirect] The id the repository has now.
 * @property {number} [status] An error: 429, 500, 503, …; 200: the login page of a network.
 * @property {number} [retryAfter] Seconds, said with it.
 * @property {number} [delayMs] Waits before it answers.
 * @property {number} [breakAfter] Ends the connection after so many bytes of the body; 0: before any answer.
 *
 * @typedef {When & Does} Rule
 * @typedef {{ method: string, path: string, kind: string | undefined, repo: string | undefined }} Asked
 */

/** Names of before there were namespaces, as the hub redirects them. @type {Rule[]} */
export const CANONICAL = [
  ['datasets', 'wikitext', 'Salesforce/wikitext'],
  ['datasets', 'hellaswag', 'Rowan/hellaswag'],
  ['datasets', 'ai2_arc', 'allenai/ai2_arc'],
  ['datasets', 'winogrande', 'allenai/winogrande'],
  ['models', 'gpt2', 'openai-community/gpt2'],
].map(([kind, repo, redirect]) => /** @type {Rule} */ ({ kind, repo, redirect }));

export class Rules {
  /** @type {{ rule: Rule, met: number }[]} Latest first. */
  #rules = [];

  /** @param {Rule[]} rules */
  constructor(rules) {
    this.add(...rules);
  }

  /** The latest rule goes before earlier ones. @param {...Rule} rules */
  add(...rules) {
    for (const rule of rules) this.#rules.unshift({ rule, met: 0 });
  }

  clear() {
    this.#rules = [];
    this.add(...CANONICAL);
  }

  /** The rule that a request meets, counted as met. @param {Asked} asked @returns {Rule} */
  meet(asked) {
    for (const entry of this.#rules) {
      if (!fits(entry.rule, asked)) continue;
      const { skip = 0, times = Infinity } = entry.rule;
      entry.met += 1;
      if (entry.met > skip && entry.met <= skip + times) return entry.rule;
    }
    return {};
  }
}

/** @param {Rule} rule @param {Asked} asked */
function fits({ kind, repo, path, method }, asked) {
  return (
    (kind === undefined || kind === asked.kind) &&
    (repo === undefined || (asked.repo !== undefined && pattern(repo).test(asked.repo))) &&
    (path === undefined || new RegExp(path).test(asked.path)) &&
    (method === undefined || method === asked.method)
  );
}

/** @param {string} glob */
function pattern(glob) {
  const parts = glob.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}
