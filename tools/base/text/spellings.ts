// A secret as programs may spell it on its way to a log: in JSON, as Python's repr, in a URL, a shell, HTML, base64, hex.

/** Shorter pieces would blacken ordinary words. */
const LEAST_LENGTH = 8;

export function spellingsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const ascii = json.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  // JSON in JSON: a message of an event that is itself the answer of a service.
  const twice = [json, ascii].map((one) => JSON.stringify(one).slice(1, -1));
  const url = encodeURIComponent(secret);
  // Python's quote() leaves fewer characters as they are than JavaScript does, and `/`, which it does not quote.
  const strict = url.replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
  const urls = [url, strict, encodeURI(secret), strict.replaceAll('%2F', '/'), strict.replaceAll('%20', '+')];
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const all = [
    ...[
      secret,
      json,
      ascii,
      ...twice,
      ascii.replaceAll('/', '\\/'),
      json.replaceAll('/', '\\/'),
      ...reprs(secret),
    ],
    ...[...urls, ...urls.map(lowerHex)],
    ...[
      htmlOf(secret, '&#39;'),
      htmlOf(secret, '&#x27;'),
      secret.replaceAll("'", `'\\''`),
      secret.replaceAll("'", `'"'"'`),
    ],
    ...[...base64Of(bytes), hex, hex.toUpperCase()],
  ];
  return [...new Set(all)].filter((one) => one.length >= LEAST_LENGTH);
}

function lowerHex(text: string): string {
  return text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
}

/** Of text, and of bytes. */
function reprs(secret: string): string[] {
  const slashed = secret
    .replaceAll('\\', '\\\\')
    .replaceAll('\t', '\\t')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r');
  const bytes = Array.from(Buffer.from(slashed), (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');
  return [slashed, bytes].flatMap((one) => [one, one.replaceAll("'", "\\'")]);
}

function htmlOf(text: string, apostrophe: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": apostrophe,
  };
  return text.replace(/[&<>"']/g, (one) => entities[one] ?? one);
}

/**
 * As it stands alone and inside something longer (`user:secret`): of the three ways its bytes can fall into groups of
 * three, the characters that are its alone.
 */
function base64Of(secret: Buffer): string[] {
  const forms = [0, 1, 2].flatMap((before) => {
    const bits = 8 * (before + secret.length);
    const text = Buffer.concat([Buffer.alloc(before), secret]).toString('base64');
    return text.slice(Math.ceil((8 * before) / 6), Math.floor(bits / 6));
  });
  return forms.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
}
