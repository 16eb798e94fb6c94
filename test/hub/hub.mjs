// A hub on the loopback: what huggingface_hub, datasets and transformers ask of it, and faults on demand.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure, json, portal, redirect, refuse, sendFile } from './answers.mjs';
import { answer } from './questions.mjs';
import { readRepositories, Repository } from './repositories.mjs';
import { routeOf } from './routes.mjs';
import { CANONICAL, Rules } from './rules.mjs';

/**
 * @typedef {import('./rules.mjs').Rule} Rule
 * @typedef {import('./repositories.mjs').Kind} Kind
 * @typedef {object} Asked One request, as it was answered.
 * @property {string} method
 * @property {string} path With its query.
 * @property {Kind | undefined} kind
 * @property {string | undefined} repo As it was asked for, before any redirect.
 * @property {string | undefined} file
 * @property {number} status 0: the connection was ended instead.
 * @property {string | undefined} token
 *
 * @typedef {object} Hub
 * @property {string} url For HF_ENDPOINT.
 * @property {Asked[]} requests All so far; `requests.length = 0` forgets them.
 * @property {(...rules: Rule[]) => void} rule The latest goes before earlier ones.
 * @property {() => void} clearRules Back to a hub that does well.
 * @property {(kind: Kind, id: string, changes: Record<string, string | Buffer | null>) => string} commit
 *   Moves `main` of a repository, which is made if there is none. Returns the commit.
 * @property {(kind: Kind, id: string) => string | undefined} head The commit of `main`.
 * @property {() => Promise<void>} close
 */

/**
 * @param {{ content?: string, rules?: Rule[], port?: number }} options `content`: a directory of repositories
 *   (`models/<namespace>/<name>/…`, `datasets/…`), as `content()` of content.mjs makes one.
 * @returns {Promise<Hub & AsyncDisposable>}
 */
export async function start({ content, rules = [], port = 0 } = {}) {
  const repositories = new Map(
    (content === undefined ? [] : readRepositories(content)).map((each) => [`${each.kind}/${each.id}`, each]),
  );
  const ruled = new Rules([...CANONICAL, ...rules]);
  /** @type {Asked[]} */
  const requests = [];
  const server = createServer((request, response) => {
    serve(request, response).catch((error) => failure(response, 500, `test hub: ${error.stack}`));
  });
  server.keepAliveTimeout = 60_000;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const bound = /** @type {import('node:net').AddressInfo} */ (server.address()).port;
  const url = `http://127.0.0.1:${bound}`;
  // Another name of this host, as large files of the real hub lie on another host.
  const storage = `http://localhost:${bound}/storage`;

  /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
  async function serve(request, response) {
    const { method = 'GET', url: path = '/' } = request;
    const at = new URL(path, url);
    if (at.pathname.startsWith('/_control/')) return control(request, response, at.pathname);
    const route = routeOf(at.pathname);
    const stored = at.pathname.startsWith('/storage/')
      ? storedAt(at.pathname.slice('/storage/'.length))
      : undefined;
    const { kind, id: repo } = stored?.repository ?? { kind: route?.kind, id: route?.repo };
    const file = stored?.path ?? (route?.action === 'resolve' ? route.path : undefined);
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    /** @type {Asked} */
    const asked = { method, path, kind, repo, file, status: 0, token };
    requests.push(asked);
    const writeHead = response.writeHead.bind(response);
    response.writeHead = /** @type {typeof writeHead} */ (
      (/** @type {number} */ status, /** @type {any[]} */ ...rest) => {
        asked.status = status;
        return /** @type {any} */ (writeHead)(status, ...rest);
      }
    );
    const rule = ruled.meet({
      method,
      path: stored === undefined ? at.pathname : `/storage/${file}`,
      kind,
      repo,
    });
    if (rule.delayMs !== undefined) await sleep(rule.delayMs);
    if (rule.breakAfter === 0) return response.destroy();
    if (rule.status === 200) return portal(response);
    if (rule.status !== undefined) {
      const after = rule.retryAfter === undefined ? {} : { 'retry-after': rule.retryAfter };
      return failure(response, rule.status, `test hub: ${rule.status}`, after);
    }
    if (stored !== undefined) {
      return sendFile(request, response, stored.file, { etag: `"${stored.file.sha256}"` }, rule.breakAfter);
    }
    if (route === undefined) return failure(response, 404, 'Not found');
    if (rule.redirect !== undefined) return redirect(response, path.replace(route.repo, rule.redirect));
    const repository = repositories.get(`${route.kind}/${route.repo}`);
    const refused = refusal(rule, token, route.action, repository !== undefined);
    if (refused !== undefined) return refuse(response, refused);
    return answer({
      request,
      response,
      url: at,
      route,
      repository: /** @type {Repository} */ (repository),
      rule,
      storage,
    });
  }

  /** @param {string} sha256 */
  function storedAt(sha256) {
    for (const repository of repositories.values()) {
      for (const commit of repository.commits) {
        for (const [path, file] of commit.files)
          if (file.sha256 === sha256) return { repository, path, file };
      }
    }
    return undefined;
  }

  /** For processes that started `serve.mjs`. @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response @param {string} path */
  async function control(request, response, path) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const given = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
    switch (`${request.method} ${path}`) {
      case 'POST /_control/rules':
        hub.rule(...given);
        return json(response, {});
      case 'DELETE /_control/rules':
        hub.clearRules();
        return json(response, {});
      case 'GET /_control/requests':
        return json(response, requests);
      case 'DELETE /_control/requests':
        requests.length = 0;
        return json(response, {});
      case 'POST /_control/commit':
        return json(response, { sha: hub.commit(given.kind, given.id, given.changes) });
      default:
        return failure(response, 404, `no ${path}`);
    }
  }

  /** @type {Hub & AsyncDisposable} */
  const hub = {
    url,
    requests,
    rule: (...added) => {
      ruled.add(...added);
    },
    clearRules: () => {
      ruled.clear();
    },
    commit: (kind, id, changes) => {
      const repository = repositories.get(`${kind}/${id}`) ?? new Repository(kind, id);
      repositories.set(`${kind}/${id}`, repository);
      return repository.commit(changes);
    },
    head: (kind, id) => repositories.get(`${kind}/${id}`)?.commits.at(-1)?.sha,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    [Symbol.asyncDispose]: () => hub.close(),
  };
  return hub;
}

/**
 * Why a question is not answered. A stranger is told the same of a private repository as of none.
 * @param {Rule} rule @param {string | undefined} token @param {string} action @param {boolean} there
 */
function refusal(rule, token, action, there) {
  const allowed = rule.allow !== undefined && token === rule.allow;
  if (!there || (!allowed && (rule.access === 'private' || rule.access === 'missing'))) {
    return token === undefined ? 'anonymous' : 'repository';
  }
  if (allowed) return undefined;
  if (rule.access === 'disabled') return 'disabled';
  // What a gated repository holds everybody may see, its files only who was let in.
  if (rule.access === 'gated' && ['resolve', 'auth-check'].includes(action)) {
    return token === undefined ? 'gatedUnknown' : 'gatedKnown';
  }
  return undefined;
}
