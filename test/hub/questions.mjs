// The hub's answers about one repository: what it is, what it holds, and its files.
import { json, headersOf, redirect, refuse, sendFile } from './answers.mjs';
import { entryOf } from './repositories.mjs';

/** Entries of a tree that come at once; a `Link` header leads to the next. */
const PAGE = 100;

/**
 * @typedef {import('./repositories.mjs').Repository} Repository
 * @typedef {import('./repositories.mjs').Commit} Commit
 * @typedef {import('./routes.mjs').Route} Route
 * @typedef {import('./rules.mjs').Rule} Rule
 * @typedef {object} Question
 * @property {import('node:http').IncomingMessage} request
 * @property {import('node:http').ServerResponse} response
 * @property {URL} url
 * @property {Route} route
 * @property {Repository} repository
 * @property {Rule} rule
 * @property {string} storage Where large files lie.
 */

/** @param {Question} question */
export async function answer(question) {
  const { route, response, repository } = question;
  if (route.action === 'auth-check') return json(response, {});
  if (route.action === 'refs') return json(response, refsOf(repository));
  const commit = repository.at(route.revision);
  if (commit === undefined) return refuse(response, 'revision');
  switch (route.action) {
    case 'info':
    case 'revision':
      return json(response, infoOf(question, commit));
    case 'tree':
      return tree(question, commit);
    case 'paths-info':
      return json(response, await pathsInfo(question, commit));
    case 'resolve':
      return resolve(question, commit);
  }
}

/** @param {Repository} repository */
function refsOf({ commits, tags }) {
  const main = { name: 'main', ref: 'refs/heads/main', targetCommit: commits.at(-1)?.sha };
  const named = [...tags].map(([name, sha]) => ({ name, ref: `refs/tags/${name}`, targetCommit: sha }));
  return { branches: [main], converts: [], tags: named };
}

/** @param {Question} question @param {Commit} commit */
function infoOf({ url, repository, rule }, commit) {
  const { id, kind } = repository;
  const counts = kind === 'models' ? repository.safetensors(commit) : undefined;
  return {
    _id: commit.sha.slice(0, 24),
    id,
    ...(kind === 'models'
      ? { modelId: id, pipeline_tag: 'text-generation', library_name: 'transformers' }
      : {}),
    author: id.split('/')[0],
    sha: commit.sha,
    lastModified: commit.date,
    private: rule.access === 'private',
    gated: rule.access === 'gated' ? 'manual' : false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: [],
    ...(counts === undefined ? {} : { safetensors: counts }),
    siblings: [...commit.files].map(([path, file]) => ({
      rfilename: path,
      ...(url.searchParams.get('blobs') === 'true' ? blobOf(path, file) : {}),
    })),
  };
}

/** @param {string} path @param {import('./repositories.mjs').HubFile} file */
function blobOf(path, file) {
  const lfs =
    file.sha256 === undefined ? {} : { lfs: { sha256: file.sha256, size: file.size, pointerSize: 134 } };
  return { size: file.size, blobId: entryOf(path, file).oid, ...lfs };
}

/** @param {Question} question @param {Commit} commit */
function tree({ response, url, route }, commit) {
  const within = route.path === '' ? '' : `${route.path.replace(/\/$/, '')}/`;
  const entries = entriesUnder(commit, within, url.searchParams.get('recursive') === 'true');
  if (entries.length === 0 && within !== '') return refuse(response, 'entry');
  const from = Number(url.searchParams.get('cursor') ?? 0);
  const next = new URL(url);
  next.searchParams.set('cursor', String(from + PAGE));
  const link = from + PAGE < entries.length ? { link: `<${next.href}>; rel="next"` } : {};
  return json(response, entries.slice(from, from + PAGE), link);
}

/** @param {Commit} commit @param {string} within @param {boolean} recursive */
function entriesUnder(commit, within, recursive) {
  /** @type {Map<string, object>} */
  const found = new Map();
  for (const [path, file] of commit.files) {
    if (!path.startsWith(within)) continue;
    const parts = path.slice(within.length).split('/');
    parts.slice(0, -1).forEach((_, index) => {
      const directory = within + parts.slice(0, index + 1).join('/');
      if (recursive || index === 0) found.set(directory, directoryOf(commit, directory));
    });
    if (recursive || parts.length === 1) found.set(path, entryOf(path, file));
  }
  return [...found.values()];
}

/** @param {Commit} commit @param {string} path */
const directoryOf = (commit, path) => ({ type: 'directory', oid: commit.sha, size: 0, path });

/** @param {Question} question @param {Commit} commit */
async function pathsInfo({ request }, commit) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString('utf8');
  const isJson = (request.headers['content-type'] ?? '').includes('json');
  /** @type {string[]} */
  const paths = isJson ? JSON.parse(body).paths : new URLSearchParams(body).getAll('paths');
  return paths.flatMap((path) => {
    const file = commit.files.get(path);
    if (file !== undefined) return [entryOf(path, file)];
    return [...commit.files.keys()].some((name) => name.startsWith(`${path}/`))
      ? [directoryOf(commit, path)]
      : [];
  });
}

/** Small files come at once, large ones by a redirect to another host, which never sees the token. @param {Question} question @param {Commit} commit */
function resolve({ request, response, route, rule, storage }, commit) {
  const file = commit.files.get(route.path);
  if (file === undefined) {
    response.setHeader('x-repo-commit', commit.sha);
    return refuse(response, 'entry');
  }
  const headers = headersOf(file, commit.sha);
  if (file.sha256 === undefined) return sendFile(request, response, file, headers, rule.breakAfter);
  return redirect(response, `${storage}/${file.sha256}`, headers);
}
