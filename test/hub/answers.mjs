// The answers of a hub over HTTP: JSON, errors with their codes, files with ranges and digests.

/**
 * @typedef {import('node:http').ServerResponse} Response
 * @typedef {import('./repositories.mjs').HubFile} HubFile
 */

/** What clients tell causes apart by (`X-Error-Code`), with the sentence beside it. */
const ERRORS = {
  repository: [404, 'RepoNotFound', 'Repository not found'],
  anonymous: [401, 'RepoNotFound', 'Invalid username or password.'],
  revision: [404, 'RevisionNotFound', 'Invalid rev id'],
  entry: [404, 'EntryNotFound', 'Entry not found'],
  gatedUnknown: [
    401,
    'GatedRepo',
    'Access to this repository is restricted. You must be authenticated to access it.',
  ],
  gatedKnown: [
    403,
    'GatedRepo',
    'Access to this repository is restricted and you are not in the authorized list.',
  ],
  disabled: [403, '', 'Access to this resource is disabled.'],
};

/** @param {Response} response @param {unknown} value @param {Record<string, string>} headers */
export function json(response, value, headers = {}) {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    ...headers,
  });
  response.end(body);
}

/** @param {Response} response @param {keyof typeof ERRORS} name */
export function refuse(response, name) {
  const [status, code, message] = ERRORS[name];
  failure(response, /** @type {number} */ (status), /** @type {string} */ (message), {
    'x-error-message': message,
    ...(code === '' ? {} : { 'x-error-code': code }),
  });
}

/** @param {Response} response @param {number} status @param {string} message @param {Record<string, string | number>} headers */
export function failure(response, status, message, headers = {}) {
  const body = Buffer.from(JSON.stringify({ error: message }));
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...headers,
  });
  response.end(body);
}

/** What a network that wants a login first answers to anything. @param {Response} response */
export function portal(response) {
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end('<html>log in</html>');
}

/** A redirect within the hub, or to where large files lie. @param {Response} response @param {string} location @param {Record<string, string | number>} headers */
export function redirect(response, location, headers = {}) {
  response.writeHead(Object.keys(headers).length === 0 ? 307 : 302, {
    location,
    'content-length': 0,
    ...headers,
  });
  response.end();
}

/** What a hub says of a file, whether it gives it itself or not. @param {HubFile} file @param {string} commit */
export function headersOf({ size, oid, sha256 }, commit) {
  return {
    'x-repo-commit': commit,
    'accept-ranges': 'bytes',
    ...(sha256 === undefined
      ? { etag: `"${oid}"` }
      : { etag: `"${sha256}"`, 'x-linked-etag': `"${sha256}"`, 'x-linked-size': size }),
  };
}

/**
 * A file or the part of it that is asked for.
 * @param {import('node:http').IncomingMessage} request @param {Response} response @param {HubFile} file
 * @param {Record<string, string | number>} headers @param {number | undefined} breakAfter
 */
export function sendFile(request, response, file, headers, breakAfter) {
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
  const [start, end] = range === null ? [0, file.size - 1] : partOf(range, file.size);
  if (range !== null && start > end) {
    failure(response, 416, 'Range not satisfiable', { 'content-range': `bytes */${file.size}` });
    return;
  }
  const partial = range === null ? {} : { 'content-range': `bytes ${start}-${end}/${file.size}` };
  const sizes = { 'content-type': 'application/octet-stream', 'content-length': end - start + 1 };
  response.writeHead(range === null ? 200 : 206, { ...sizes, ...headers, ...partial });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const data = file.read().subarray(start, end + 1);
  if (breakAfter === undefined || breakAfter >= data.length) response.end(data);
  else response.write(data.subarray(0, breakAfter), () => response.destroy());
}

/** @param {RegExpExecArray} range @param {number} size @returns {[number, number]} */
function partOf([, from = '', to = ''], size) {
  if (from === '') return [Math.max(0, size - Number(to)), size - 1];
  return [Number(from), to === '' ? size - 1 : Math.min(Number(to), size - 1)];
}
