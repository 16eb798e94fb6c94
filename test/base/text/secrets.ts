// Secrets of every kind, made up: put together here, so that no scanner of repositories takes this file for a leak.

/** Letters and digits that look random, the same every time. */
function noise(
  length: number,
  alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  seed = 7,
): string {
  let state = seed;
  return Array.from({ length }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return alphabet[Math.floor(state / 65_536) % alphabet.length] ?? '';
  }).join('');
}
const HEX = '0123456789abcdef';
const UPPER = 'ABCDEFGHJKLMNPQRSTUVWXYZ234567';
const token = (...parts: string[]): string => parts.join('');

/** By their form alone: the variable they are in, if any, says nothing. */
export const TOKENS: Record<string, string> = {
  huggingface: token('hf', '_', noise(34)), huggingface_org: token('api', '_org_', noise(34)),
  openai: token('sk', '-', noise(48)), openai_project: token('sk', '-proj-', noise(60), '_', noise(20)),
  anthropic: token('sk', '-ant-api03-', noise(93), 'AA'), openrouter: token('sk', '-or-v1-', noise(64, HEX)),
  groq: token('gsk', '_', noise(52)), xai: token('xai', '-', noise(80)), perplexity: token('pplx', '-', noise(48)),
  nvidia: token('nvapi', '-', noise(64)), replicate: token('r8', '_', noise(37)), together: token('tgp', '_v1_', noise(43)),
  fireworks: token('fw', '_', noise(24)), databricks: token('dapi', noise(32, HEX)), kaggle: token('KGAT', '_', noise(32, HEX)),
  github: token('ghp', '_', noise(36)), github_app: token('ghs', '_', noise(36)), github_oauth: token('gho', '_', noise(36)),
  github_fine: token('github', '_pat_', noise(22), '_', noise(59)), gitlab: token('glpat', '-', noise(20)),
  gitlab_deploy: token('gldt', '-', noise(20)), npm: token('npm', '_', noise(36)), pypi: token('pypi', '-AgEIcHlwaS5vcmc', noise(70)),
  rubygems: token('rubygems', '_', noise(48, HEX)), docker: token('dckr', '_pat_', noise(27)), atlassian: token('ATATT3', noise(186)),
  linear: token('lin', '_api_', noise(40)), figma: token('figd', '_', noise(40)), notion: token('ntn', '_', noise(46)),
  postman: token('PMAK', '-', noise(24, HEX), '-', noise(34, HEX)), aws: token('AKIA', noise(16, UPPER)), aws_session: token('ASIA', noise(16, UPPER)),
  google: token('AI', 'za', noise(35)), google_oauth: token('ya29', '.', noise(60)), google_secret: token('GOCSPX', '-', noise(28)),
  azure: token(noise(3), '8Q~', noise(34)), alibaba: token('LTAI', noise(20)), digitalocean: token('dop', '_v1_', noise(64, HEX)),
  vault: token('hvs', '.', noise(90)), heroku: token('HRKU', '-', noise(60)), tailscale: token('tskey', '-auth-', noise(30)),
  planetscale: token('pscale', '_tkn_', noise(40)), slack: token('xoxb', '-', noise(12, '0123456789'), '-', noise(24)),
  slack_app: token('xapp', '-1-', noise(40)), sendgrid: token('SG', '.', noise(22), '.', noise(43)), mailgun: token('key', '-', noise(32, HEX)),
  twilio: token('SK', noise(32, HEX)), telegram: token(noise(9, '123456789'), ':AA', noise(33)),
  discord: token('M', noise(23), '.', noise(6), '.', noise(38)), stripe: token('sk', '_live_', noise(24)), stripe_hook: token('whsec', '_', noise(32)),
  square: token('sq0', 'atp-', noise(22)), shopify: token('shpat', '_', noise(32, HEX)), grafana: token('glsa', '_', noise(32), '_', noise(8, HEX)),
  sentry: token('sntrys', '_', noise(60)), newrelic: token('NRAK', '-', noise(27, UPPER)), doppler: token('dp', '.pt.', noise(43)),
  jwt: token('eyJ', noise(20), '.eyJ', noise(40), '.', noise(43)), age: token('AGE-SECRET', '-KEY-1', noise(58, UPPER)),
  onepassword: token('A3', '-', noise(6, UPPER), '-', noise(11, UPPER), '-', noise(5, UPPER), '-', noise(5, UPPER), '-', noise(5, UPPER)),
}; // prettier-ignore

/** By the names of their variables, whatever they look like. */
export const NAMED: Record<string, string> = {
  DB_PASS: 'correct-horse-7', OPENAI_KEY: 'my own key 1234', PASSPHRASE: 'a phrase of several words', SESSION_COOKIE: 'sid=0123abcd; path',
  PROXY_AUTH: 'user:pa55w0rd/x', WANDB_API_KEY: noise(40, HEX), AWS_SECRET_ACCESS_KEY: `/${noise(39)}`, HF_TOKEN: 'hf-without-its-form',
  QUOTES_PASSWORD: `it's "quoted" \\ and 100% <odd> & more`, UMLAUT_SECRET: 'Grüße-aus-Köln-№5', EMOJI_SECRET: 'pass🔑word-long',
  TAB_TOKEN: 'with\ttab-and-more', PLUS_TOKEN: 'a+b/c=d+e/f==', GITHUB_PAT: noise(30), SMTP_CREDS: 'mail/user@host:25', NETRC: 'machine x login y',
  SSH_PRIVATE_KEY: `-----BEGIN KEY-----\n${noise(64)}\n${noise(64, undefined, 9)}\n-----END KEY-----`, DB_PWD: 'p@ss@w0rd', SIGNING_KEY_2: noise(24),
}; // prettier-ignore

/** In URLs: the whole, and what nobody may see of it. */
export const URLS: [url: string, secrets: string[]][] = [
  ['https://me:pass-word-1@proxy.example:80/x', ['pass-word-1']],
  ['https://me:p@ss@word-1@proxy.example/x', ['p@ss@word-1']],
  [`https://${noise(64)}:pass-word-2@host.example`, [noise(64), 'pass-word-2']],
  [`https://${noise(40)}@github.example/a/b.git`, [noise(40)]],
  [`https://${noise(40)}:x-oauth-basic@github.example/a/b`, [noise(40)]],
  ['redis://:only-a-password@cache.example:6379/0', ['only-a-password']],
  ['postgresql+psycopg://svc:s3cr3t%2Fpass@db.example/x?a=b', ['s3cr3t%2Fpass']],
  [`https://bucket.example/x?X-Amz-Credential=a&X-Amz-Signature=${noise(64, HEX)}&y=1`, [noise(64, HEX)]],
  [`https://api.example/v1?access_token=${noise(30)}&q=1`, [noise(30)]],
  [token('https://hooks.slack', '.com/services/T', noise(8), '/B', noise(8), '/', noise(24)), [noise(24)]],
];

/** Where a secret may stand. */
export const PLACES: [string, (text: string) => string][] = [
  ['alone', (text) => text],
  ['in a sentence', (text) => `the hub refused ${text} today`],
  ['in quotes', (text) => `token="${text}", next`],
  ['after an equals sign', (text) => `A=1 B=${text}\n`],
  ['in JSON', (text) => `{"a": "${text}", "b": 1}`],
  ['after an escaped line end', (text) => `"line\\n${text}\\nline"`],
  ['in brackets', (text) => `[(${text})]`],
];
