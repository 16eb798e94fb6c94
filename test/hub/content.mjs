// The repositories a hub serves, made once by content/make.py and shared by all tests of this user on this host.
import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const HERE = import.meta.dirname;
const REPOSITORY = resolve(HERE, '../..');
const PYTHON = join(REPOSITORY, '.venv/bin/python');

/**
 * The directory of generated repositories: some minutes of one core the first time, then at once.
 * @param {string} python @returns {Promise<string>}
 */
export async function content(python = PYTHON) {
  const cache = join(tmpdir(), `validation-hub-${userInfo().uid}`);
  const made = join(cache, key());
  if (existsSync(made)) return made;
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const draft = mkdtempSync(join(cache, 'draft-'));
  try {
    await promisify(execFile)(python, [join(HERE, 'content/make.py'), draft], {
      env: {
        ...process.env,
        OMP_NUM_THREADS: '1',
        HF_HUB_OFFLINE: '1',
        TOKENIZERS_PARALLELISM: 'false',
        CUDA_VISIBLE_DEVICES: '',
      },
    });
    try {
      renameSync(draft, made);
    } catch (error) {
      if (!existsSync(made)) throw error; // else another process was quicker
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return made;
}

/** Of what makes the content: the scripts, and the lock of the packages they use. */
function key() {
  const hash = createHash('sha256');
  const scripts = readdirSync(join(HERE, 'content'))
    .filter((name) => name.endsWith('.py'))
    .sort();
  for (const name of scripts) hash.update(name).update(readFileSync(join(HERE, 'content', name)));
  return hash
    .update(readFileSync(join(REPOSITORY, 'tools/python/requirements.lock')))
    .digest('hex')
    .slice(0, 16);
}
