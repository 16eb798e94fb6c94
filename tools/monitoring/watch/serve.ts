// The live page's server: on the loopback only, read only, for those who have the URL. A page of another site cannot read it
// (it has no token), nor reach it by a name of its own (the Host header is compared).
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, sep } from 'node:path';
import { readRegular, staysInside } from '../../base/files.js';
import { messageOf } from '../../base/message.js';

export interface Served {
  /** With its token. */
  url: string;
  close: () => Promise<void>;
}

export interface ToServe {
  page: string;
  /** JSON. */
  snapshot: () => Promise<string>;
  /** What lies below `files/`: an output tree. */
  directory: string;
  /** 0: any that is free. */
  port: number;
}

/** Of all that lies there only this is a page: a log or a certificate is text, whatever it says. */
const REPORT = 'reports/report.html';
/** A browser would not show more. */
const LARGEST_FILE = 2 ** 27;
const LOOPBACK = '127.0.0.1';

/** @throws Error when the port is taken or may not be had. */
export async function serve(of: ToServe): Promise<Served> {
  const token = randomBytes(16).toString('hex');
  const server = createServer((request, response) => {
    replyTo(request, of, token)
      .catch((error: unknown) => says(500, messageOf(error)))
      .then((reply) => {
        send(response, reply);
      })
      // Who reads is gone.
      .catch(() => response.destroy());
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(of.port, LOOPBACK, listening);
  }).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'EADDRINUSE'
        ? 'is taken'
        : code === 'EACCES'
          ? 'is not yours'
          : `cannot be had (${code ?? messageOf(error)})`;
    throw new Error(`port ${of.port} ${why}. Give another: --port, or none for any that is free`);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${LOOPBACK}:${port}/${token}/`,
    close: () =>
      new Promise((closed) => {
        server.close(() => {
          closed();
        });
        server.closeAllConnections();
      }),
  };
}

interface Reply {
  status: number;
  type: 'text/plain' | 'text/html' | 'application/json';
  body: string | Buffer;
}

const says = (status: number, body: string): Reply => ({ status, type: 'text/plain', body });

async function replyTo(
  request: IncomingMessage,
  { page, snapshot, directory }: ToServe,
  token: string,
): Promise<Reply> {
  const { port } = request.socket.address() as AddressInfo;
  if (![`${LOOPBACK}:${port}`, `localhost:${port}`].includes(request.headers.host ?? ''))
    return says(403, 'this host name is not served');
  if (request.method !== 'GET' && request.method !== 'HEAD') return says(405, 'read only');
  const [path = ''] = (request.url ?? '').split(/[?#]/);
  const [, given = '', ...rest] = path.split('/');
  if (!isSame(given, token)) return says(404, 'not here: the URL with its token was printed');
  const below = decoded(rest.join('/'));
  if (below === '') return { status: 200, type: 'text/html', body: page };
  if (below === 'status.json') return { status: 200, type: 'application/json', body: await snapshot() };
  const file = below?.startsWith('files/') === true ? below.slice('files/'.length) : undefined;
  const body = file === undefined ? undefined : readInside(directory, file);
  if (body === undefined) return says(404, 'there is no such file');
  return { status: 200, type: file === REPORT ? 'text/html' : 'text/plain', body };
}

function send(response: ServerResponse, { status, type, body }: Reply): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  // Node leaves the body out of an answer to HEAD.
  response.end(body);
}

function isSame(given: string, token: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(token)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** A regular file of the tree; links lead to weights, and are not followed. */
function readInside(directory: string, path: string): Buffer | undefined {
  if (!staysInside(path)) return undefined;
  try {
    const real = realpathSync(join(directory, path));
    if (
      real !== join(realpathSync(directory), ...path.split('/').filter((part) => part !== '' && part !== '.'))
    )
      return undefined;
    return real.endsWith(sep) ? undefined : readRegular(real, LARGEST_FILE);
  } catch {
    return undefined;
  }
}
