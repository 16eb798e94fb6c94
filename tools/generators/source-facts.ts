// Where the models of a new suite are, and what is there: a directory of this host, or a repository of the hub.
import { asMapping } from '../base/json-value.js';
import { homedir } from 'node:os';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { statSync } from 'node:fs';
import { fail, ok, type Result } from '../base/result.js';
import { isPath } from '../suite/load/edits/own-edit-schema.js';
import { HUB_ID } from '../suite/load/edits/origin-schema.js';
import { readInput } from '../suite/load/load.js';
import { suiteDirectory } from '../suite/model/paths.js';
import type { ModelFacts } from '../suite/starter/model-size.js';
import type { WrittenSource } from '../suite/starter/text.js';
import { askHub, configAt, isOffline, NotAtHub } from './hub.js';
import { directoryBytes } from './sizes.js';

export interface Placed {
  source: WrittenSource;
  called: string;
}

/** @param cwd where the person stands, to whom a relative path is relative. */
export function placeOf(root: string, cwd: string, suite: string, typed: string): Result<Placed, string> {
  const written = typed.trim().replace(/^~(?=\/|$)/, homedir());
  const shown = JSON.stringify(typed);
  const absolute = resolve(cwd, written);
  if (!isPath(written) && !/^\.{1,2}$/.test(written)) {
    if (!HUB_ID.test(written)) {
      return fail(
        `${shown} is no hub id (as mistralai/Mistral-7B-v0.1), and no directory (beginning with ./, ../ or /)`,
      );
    }
    if (isDirectory(absolute))
      return fail(`${shown} is a directory here: write ./${written}, or run this elsewhere`);
    return ok({ source: { id: written }, called: written });
  }
  if (!isDirectory(absolute)) return fail(`${shown}: there is no directory ${absolute}`);
  const inside = relative(root, absolute);
  const outside = inside.startsWith('..') || isAbsolute(inside);
  const fromSuite = relative(join(root, suiteDirectory(suite)), absolute)
    .split(sep)
    .join('/');
  const path = outside ? absolute : fromSuite.startsWith('.') ? fromSuite : `./${fromSuite}`;
  return ok({ source: { path }, called: absolute });
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

export function directoryFacts(root: string, absolute: string): ModelFacts {
  const config = readInput(join(absolute, 'config.json'));
  return {
    bytes: directoryBytes(root, absolute),
    config: config.kind === 'file' ? configOf(config.text) : undefined,
  };
}

export interface HubFacts extends ModelFacts {
  commit?: string;
}

/** Nothing where the hub cannot be asked or does not say: then its name tells. */
export async function hubFacts(
  id: string,
  environment: NodeJS.ProcessEnv,
): Promise<Result<HubFacts, string>> {
  if (isOffline(environment)) return ok({});
  try {
    const { commit, bytes } = await askHub('model', id, 'main', environment);
    return ok({ commit, bytes, config: configOf(await configAt(id, commit, environment)) });
  } catch (error) {
    return error instanceof NotAtHub ? fail(`${JSON.stringify(id)}: ${error.message}`) : ok({});
  }
}

/** With the configuration of the text part over it, where it has one. */
function configOf(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const config = asMapping(JSON.parse(text ?? ''));
    return config === undefined ? undefined : { ...config, ...asMapping(config.text_config) };
  } catch {
    return undefined; // its setup says what is wrong with it
  }
}
