// Tokens by their form, whoever put them there: what the common providers say their tokens look like. An own table, as
// scanners for repositories read whole files, one at a time and later; a log is cleaned as it is written, many MB a second.

/** Beginning, and what follows it. All ASCII: a character is a byte. */
const TOKENS: readonly string[] = [
  // Models and data
  'hf_[A-Za-z0-9_]{20,}', 'api_org_[A-Za-z0-9]{20,}', 'sk-(?=[\\w-]*\\d)[A-Za-z0-9_-]{20,}', 'gsk_[A-Za-z0-9]{20,}',
  'xai-[A-Za-z0-9]{20,}', 'pplx-[A-Za-z0-9]{20,}', 'nvapi-[A-Za-z0-9_-]{20,}', 'r8_[A-Za-z0-9]{30,}', 'tgp_v1_[\\w-]{20,}',
  'fw_[A-Za-z0-9]{20,}', 'wandb_v1_\\w{20,}', 'dapi[a-f0-9]{32}', 'KGAT_[a-f0-9]{20,}', 'pc(?:sk|pat)_\\w{20,}', 'esecret_\\w{20,}',
  // Code, packages, images
  'gh[opsur]_[A-Za-z0-9]{20,}', 'github_pat_\\w{20,}', 'gl[a-z]{2,6}-[A-Za-z0-9_-]{20,}', 'npm_[A-Za-z0-9]{20,}',
  'pypi-A[A-Za-z0-9_-]{20,}', 'rubygems_[a-f0-9]{20,}', 'dckr_[op]at_[\\w-]{20,}', 'AT[AC]TT3[\\w=-]{20,}', 'lin_api_\\w{20,}',
  'figd_[\\w-]{20,}', 'ntn_[A-Za-z0-9]{20,}', 'secret_[A-Za-z0-9]{40,}', 'PMAK-[a-f0-9-]{20,}',
  // Clouds
  '(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}', 'AIza[\\w-]{35}', 'ya29\\.[\\w-]{20,}', 'GOCSPX-[\\w-]{20,}', '1//0[\\w-]{30,}',
  '\\w{3}\\dQ~[\\w~.-]{31,}', 'LTAI[A-Za-z0-9]{16,}', 'do[oprt]_v1_[a-f0-9]{20,}', 'hv[bs]\\.[\\w-]{20,}', 'HRKU-[\\w-]{20,}',
  'tskey-[\\w-]{20,}', 'pscale_(?:tkn|pw|oauth)_[\\w.=-]{20,}', 'v1\\.0-[a-f0-9]{24}-[a-f0-9]{20,}', 'fm[12]_[A-Za-z0-9+/=_-]{20,}',
  'FQoGZXIvYXdz[A-Za-z0-9+/=]{20,}', 'IQoJb3JpZ2lu[A-Za-z0-9+/=]{20,}',
  // Messages, money, monitoring
  'xox[a-z]-[\\w-]{10,}', 'xapp-[\\w-]{20,}', 'SG\\.[\\w-]{16,}\\.[\\w-]{16,}', 'key-[a-f0-9]{32}', 'SK[a-f0-9]{32}',
  '\\d{8,10}(?::|%3[Aa])AA[\\w-]{33}', '[MNO][\\w-]{23,25}\\.[\\w-]{6}\\.[\\w-]{27,}', '[rs]k_(?:live|test)_\\w{10,}', 'whsec_[\\w+/=]{20,}',
  'sq0[a-z]{3}-[\\w-]{20,}', 'shp[a-z]{2}_[a-fA-F0-9]{20,}', 'glsa_\\w{20,}', 'sntry[su]_[\\w=+/-]{20,}', 'NRAK-[A-Z0-9]{20,}',
  'dp\\.(?:pt|st|ct|sa)\\.[\\w.]{20,}', 'EAA[A-Za-z0-9]{50,}',
  // Anybody's
  'eyJ[\\w-]{10,}\\.eyJ[\\w-]{10,}\\.[\\w-]{5,}', 'AGE-SECRET-KEY-1[A-Z0-9]{20,}', 'A3-[A-Z0-9]{6}-[A-Z0-9-]{20,}',
  'ops_eyJ[\\w+/=]{20,}',
]; // prettier-ignore

/** What may stand before a token: no letter or digit, except as the end of an escape of JSON, Python or a URL. */
const BEFORE =
  '(?:(?<![A-Za-z0-9])|(?<=\\\\[abfnrtv]|%[0-9A-Fa-f]{2}|\\\\x[0-9A-Fa-f]{2}|\\\\u[0-9A-Fa-f]{4}))';

/** The whole match is the secret. */
export const TOKEN_FORMS = new RegExp(`${BEFORE}(?:${TOKENS.join('|')})`, 'g');

/**
 * Of these the part named `secret`: after the words of a header or a parameter, in a webhook, all in one line as logs are
 * cleaned by the line; and inside a key's armour, the only one of several lines.
 */
export const CONTEXT_FORMS: readonly RegExp[] = [
  /\b(?:bearer|basic|apikey|token)(?:[^\S\r\n]|%20|\+)+(?<secret>(?=[^\s\d]*\d)[A-Za-z0-9._~+/=-]{16,4096})/gi,
  /\b(?:authorization|x-api-key|api-key|private-token|x-auth-token|x-vault-token|set-cookie|cookie)["']?[^\S\r\n]*[:=][^\S\r\n]*["']?(?:(?:bearer|basic|token)[^\S\r\n]+)?(?<secret>[^\s"',]{8,4096})/gi,
  /[?&;](?:[\w.-]*(?:token|api_?key|access_?key|passw(?:or)?d|secret|signature)|key|sig|code|auth|pwd)=(?<secret>[^\s&;"'<>#]{8,4096})/gi,
  /\b(?:AccountKey|SharedAccessKey|password|passwd|passphrase|aws_secret_access_key|aws_session_token|client_secret|machine_password)["']?[^\S\r\n]*[=:][^\S\r\n]*["']?(?<secret>[^\s;"',]{8,4096})/gi,
  /hooks\.slack\.com\/(?:services|workflows)\/(?<secret>[\w/]{20,200})/g,
  /discord(?:app)?\.com\/api\/webhooks\/(?<secret>[\w/-]{20,200})/g,
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?<secret>[^-]{1,20000})/g,
];

/** User and password of a URL; a password may hold an `@`, the last one ends it. */
export const URL_USERS = /:\/\/([^\s/?#"'<>@:]{0,1024})(:[^\s/?#"'<>]{1,1024})?@/g;
/** A name before `@` is one; so long it is a token. */
export const LONGEST_USER = 15;

/** Where the armour of a key begins that has no end yet; -1 without one. */
export function openArmour(text: string): number {
  const begin = text.lastIndexOf('-----BEGIN ');
  return begin >= 0 && !text.includes('-----END ', begin) ? begin : -1;
}
/** A key is no longer than this. */
export const LONGEST_KEY = 20_000;
