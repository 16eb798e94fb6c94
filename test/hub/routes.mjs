// What a request to a hub is about: its repository, and which of the hub's questions it asks.

const ACTIONS = new Set(['revision', 'tree', 'paths-info', 'refs', 'auth-check']);

/**
 * @typedef {import('./repositories.mjs').Kind} Kind
 * @typedef {object} Route
 * @property {Kind} kind
 * @property {string} repo The id as it is asked for.
 * @property {'info' | 'revision' | 'tree' | 'paths-info' | 'refs' | 'auth-check' | 'resolve'} action
 * @property {string} revision
 * @property {string} path Within the repository.
 */

/** @param {string} pathname @returns {Route | undefined} */
export function routeOf(pathname) {
  const segments = pathname.split('/').slice(1);
  return segments[0] === 'api' ? apiRoute(segments.slice(1)) : fileRoute(segments);
}

/** `/api/<kind>/<id>[/<action>[/<revision>[/<path>]]]`. @param {string[]} segments @returns {Route | undefined} */
function apiRoute([kind, ...rest]) {
  if (!isKind(kind) || rest[0] === undefined) return undefined;
  const own = rest[1] === undefined || ACTIONS.has(rest[1]) ? 1 : 2;
  const [action = 'info', revision = 'main', ...path] = rest.slice(own);
  if (action !== 'info' && !ACTIONS.has(action)) return undefined;
  return route(kind, rest.slice(0, own), /** @type {Route['action']} */ (action), revision, path);
}

/** `[/datasets]/<id>/resolve/<revision>/<path>`. @param {string[]} segments @returns {Route | undefined} */
function fileRoute(segments) {
  const kind = segments[0] === 'datasets' ? 'datasets' : 'models';
  const rest = kind === 'datasets' ? segments.slice(1) : segments;
  const at = rest.indexOf('resolve');
  if ((at !== 1 && at !== 2) || rest.length < at + 3) return undefined;
  const [revision = 'main', ...path] = rest.slice(at + 1);
  return route(kind, rest.slice(0, at), 'resolve', revision, path);
}

/** @param {Kind} kind @param {string[]} id @param {Route['action']} action @param {string} revision @param {string[]} path @returns {Route} */
function route(kind, id, action, revision, path) {
  const text = (/** @type {string[]} */ parts) => parts.map(decodeURIComponent).join('/');
  return { kind, repo: text(id), action, revision: text([revision]), path: text(path) };
}

/** @param {string | undefined} value @returns {value is Kind} */
const isKind = (value) => value === 'models' || value === 'datasets';
