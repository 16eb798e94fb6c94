// The repositories of a hub: commits of files, read from a directory or given, with the digests that git and LFS have of them.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { parameters } from './safetensors.mjs';

/** What a real hub keeps in LFS; every other file lies in git itself. */
const LARGE = /\.(safetensors|bin|parquet|gguf|model|pt|pth)$/;
const POINTER_BYTES = 134;

/**
 * @typedef {'models' | 'datasets'} Kind
 * @typedef {{ size: number, oid: string, sha256: string | undefined, read: () => Buffer }} HubFile
 *   `oid` is git's, of the file or of its LFS pointer; `sha256` only of files in LFS.
 * @typedef {{ sha: string, files: Map<string, HubFile>, date: string }} Commit
 */

export class Repository {
  /** @type {Commit[]} Oldest first; `main` is the last. */
  commits = [];
  /** @type {Map<string, string>} Tags, to commits. */
  tags = new Map();

  /** @param {Kind} kind @param {string} id */
  constructor(kind, id) {
    this.kind = kind;
    this.id = id;
  }

  /** @param {string} revision A branch, tag, ref or commit. @returns {Commit | undefined} */
  at(revision) {
    if (['main', 'refs/heads/main', 'HEAD'].includes(revision)) return this.commits.at(-1);
    const sha = this.tags.get(revision.replace(/^refs\/tags\//, '')) ?? revision;
    return this.commits.find((commit) => commit.sha === sha);
  }

  /**
   * Adds a commit with these files changed or added; null removes one.
   * @param {Record<string, string | Buffer | HubFile | null>} changes @returns {string} Its sha.
   */
  commit(changes) {
    const files = new Map(this.commits.at(-1)?.files ?? []);
    for (const [path, content] of Object.entries(changes)) {
      if (content === null) files.delete(path);
      else files.set(path, isFile(content) ? content : fileOf(path, Buffer.from(content)));
    }
    const listing = [...files].map(([path, { oid }]) => `${path} ${oid}`).sort();
    const sha = digest('sha1', [this.kind, this.id, this.commits.at(-1)?.sha ?? '', ...listing].join('\n'));
    this.commits.push({
      sha,
      files,
      date: new Date(Date.UTC(2024, 0, this.commits.length + 1)).toISOString(),
    });
    return sha;
  }

  /** Parameters by dtype, as the hub tells them of safetensors. @param {Commit} commit */
  safetensors(commit) {
    return parameters(
      [...commit.files].filter(([path]) => path.endsWith('.safetensors')).map(([, file]) => file.read()),
    );
  }
}

/** @param {unknown} content @returns {content is HubFile} */
const isFile = (content) => typeof content === 'object' && content !== null && 'oid' in content;

/** @param {string} name @param {string | Buffer} data */
const digest = (name, data) => createHash(name).update(data).digest('hex');

/** @param {Buffer} data */
const gitBlob = (data) => createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex');

/** @param {string} path @param {Buffer} data @param {() => Buffer} read @returns {HubFile} */
function fileOf(path, data, read = () => data) {
  if (!LARGE.test(path)) return { size: data.length, oid: gitBlob(data), sha256: undefined, read };
  const sha256 = digest('sha256', data);
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${data.length}\n`;
  return { size: data.length, oid: gitBlob(Buffer.from(pointer)), sha256, read };
}

/** The entry of a tree or of paths-info. @param {string} path @param {HubFile} file */
export function entryOf(path, { size, oid, sha256 }) {
  const lfs = sha256 === undefined ? {} : { lfs: { oid: sha256, size, pointerSize: POINTER_BYTES } };
  return { type: 'file', oid, size, path, ...lfs };
}

/**
 * Reads `<root>/{models,datasets}/<namespace>/<name>/…`.
 * @param {string} root @returns {Repository[]}
 */
export function readRepositories(root) {
  return /** @type {const} */ (['models', 'datasets']).flatMap((kind) =>
    directories(join(root, kind)).flatMap((namespace) =>
      directories(join(root, kind, namespace)).map((name) => {
        const repository = new Repository(kind, `${namespace}/${name}`);
        repository.commit(filesUnder(join(root, kind, namespace, name)));
        return repository;
      }),
    ),
  );
}

/** @param {string} path */
function directories(path) {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** @param {string} root */
function filesUnder(root) {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile())
    .sort();
  return Object.fromEntries(
    paths.map((path) => {
      const name = relative(root, path).split(sep).join('/');
      return [name, fileOf(name, readFileSync(path), () => readFileSync(path))];
    }),
  );
}
