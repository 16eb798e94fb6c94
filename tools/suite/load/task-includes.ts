// The suite's own task files with what they include, as lm-eval reads them: `include` names files, relative to the one that
// it stands in, and `!function module.name` is Python beside it. tools/python/validation/evaluation/task_files.py reads alike.
import { posix } from 'node:path';
import { parseDocument, visit } from 'yaml';
import { isByProduct } from '../../base/files.js';
import { asMapping } from '../../base/json-value.js';
import type { Input } from './input.js';

export type TaskMapping = Readonly<Record<string, unknown>>;

export interface TaskFiles {
  /** What each file of the directory says, over what its includes say. */
  said: readonly TaskMapping[];
  /** `!function` tags by the file that they stand in. */
  code: ReadonlyMap<string, readonly string[]>;
  /** What is read beside the directory's visible files: included ones, and Python that those name. Sorted. */
  outside: readonly string[];
  problems: readonly string[];
}

interface TaskFile {
  raw: TaskMapping;
  tags: readonly { tag: string; value: string }[];
}

/** Directories that lm-eval passes by. */
const PASSED_BY = ['__pycache__', '.ipynb_checkpoints'];
const NONE: TaskFile = { raw: {}, tags: [] };

/** @param directory workspace-relative, as all paths are that do not lie outside the workspace. */
export function readTaskFiles(
  directory: string,
  own: ReadonlyMap<string, string>,
  readPath: (path: string) => Input,
): TaskFiles {
  const read = new Map<string, TaskFile>();
  const problems: string[] = [];
  const merged = (path: string, text: string, above: readonly string[]): TaskMapping => {
    const { raw } = known(read, path, text);
    const { include = [], ...rest } = raw;
    const result: Record<string, unknown> = {};
    const included: readonly unknown[] = Array.isArray(include) ? include : [include];
    for (const each of included) {
      if (typeof each !== 'string') {
        problems.push(`${path}: include is ${JSON.stringify(each)}, not a path`);
        continue;
      }
      const target = posix.isAbsolute(each) ? posix.normalize(each) : posix.join(posix.dirname(path), each);
      const found = target.startsWith('../') ? undefined : readPath(target);
      if ([...above, path].includes(target)) problems.push(`${path}: includes ${each}, which includes it`);
      else if (found === undefined) {
        problems.push(`${path}: includes ${target} outside the workspace; name it by its absolute path`);
      } else if (found.kind !== 'file')
        problems.push(`${path}: includes ${each}, which is not there (${target})`);
      else {
        Object.assign(result, merged(target, found.text, [...above, path]), { task_list: undefined });
      }
    }
    return Object.assign(result, rest);
  };
  const said = [...own]
    .filter(([path]) => !path.split('/').some((part) => PASSED_BY.includes(part)))
    .map(([path, text]) => merged(posix.join(directory, path), text, []));
  const tagged = [...read].filter(([, { tags }]) => tags.length > 0);
  return {
    said,
    code: new Map(
      tagged.map(([path, { tags }]) => [path, [...new Set(tags.map(({ tag, value }) => `${tag} ${value}`))]]),
    ),
    outside: outside(read, directory, readPath),
    problems: [...new Set(problems)],
  };
}

function known(read: Map<string, TaskFile>, path: string, text: string): TaskFile {
  const before = read.get(path);
  if (before !== undefined) return before;
  const file = parsed(text);
  read.set(path, file);
  return file;
}

/** Nothing of a text that is no mapping: the evaluation says what is wrong with it. */
function parsed(text: string): TaskFile {
  const tags: { tag: string; value: string }[] = [];
  try {
    const document = parseDocument(text, { logLevel: 'silent' });
    visit(document, {
      Node(_, node) {
        const { tag, value } = node as { tag?: string; value?: unknown };
        if (tag !== undefined && /^!(?!!)\w/.test(tag)) tags.push({ tag, value: String(value) });
      },
    });
    return { raw: asMapping(document.toJS()) ?? {}, tags };
  } catch {
    // Aliases that multiply without end, lists in each other by the thousand.
    return { ...NONE, tags };
  }
}

function outside(
  read: ReadonlyMap<string, TaskFile>,
  directory: string,
  readPath: (path: string) => Input,
): string[] {
  const found = new Set<string>();
  for (const [path, { tags }] of read) {
    const beside = tags.flatMap(({ tag, value }) => {
      const module = value.split('.').slice(0, -1).join('/');
      return tag === '!function' && module !== '' ? [posix.join(posix.dirname(path), `${module}.py`)] : [];
    });
    for (const each of [path, ...beside]) {
      if (!isCovered(each, directory) && readPath(each).kind === 'file') found.add(each);
    }
  }
  return [...found].sort();
}

/** Whether the digest of the directory has it. */
function isCovered(path: string, directory: string): boolean {
  if (!path.startsWith(`${directory}/`)) return false;
  return !path
    .slice(directory.length + 1)
    .split('/')
    .some(isByProduct);
}
