// What a host offers for flash attention: nvcc, compilers, and suites that would use it.
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { listSuites, loadSuite } from '../suite/load/load.js';
import { suiteDirectory } from '../suite/model/paths.js';
import { parseRecord } from '../suite/nx/record.js';
import { readIfThere } from '../base/files.js';
import { messageOf } from '../base/message.js';
import { isExecutable, onPath } from './on-path.js';

/**
 * Why no generated suite wants it: one was made without it (a choice for the whole of .venv), all ask for eager
 * attention, or all models are so small that an hour of compiling gains nothing. Undefined: one wants it.
 */
export function unwanted(workspaceRoot: string, environment: NodeJS.ProcessEnv): string | undefined {
  if (isYes(environment.SKIP_FLASH_ATTN)) return 'SKIP_FLASH_ATTN is set';
  let why = 'no suite has been generated';
  for (const name of listSuites(workspaceRoot)) {
    const project = readIfThere(join(workspaceRoot, suiteDirectory(name), 'project.json'));
    if (project === undefined) continue;
    const { identity } = parseRecord(project);
    if (isYes(identity.SKIP_FLASH_ATTN)) return `suite ${name} was made with SKIP_FLASH_ATTN`;
    const loaded = loadSuite(workspaceRoot, name, identity);
    const models = loaded.ok ? loaded.value.suite.models : [];
    const willing = models.filter(({ invarlock }) => invarlock.attention === 'auto');
    if (willing.some(({ sizeClass }) => sizeClass !== 'tiny')) why = '';
    else if (why !== '') {
      why = willing.length > 0 ? 'the models are tiny: it gains them nothing' : 'every suite asks for eager';
    }
  }
  return why === '' ? undefined : why;
}

export function nvccPath(environment: NodeJS.ProcessEnv): string | undefined {
  // As torch looks for it when it compiles.
  const home = environment.CUDA_HOME ?? environment.CUDA_PATH;
  if (home !== undefined && home !== '') return [join(home, 'bin', 'nvcc')].find(isExecutable);
  return onPath('nvcc', environment.PATH) ?? ['/usr/local/cuda/bin/nvcc'].find(isExecutable);
}

/** `13.0`. @throws Error when it does not run or names no release. */
export async function nvccRelease(nvcc: string): Promise<string> {
  const { stdout } = await execa(nvcc, ['--version'], { stdin: 'ignore' });
  const release = /release (\d+\.\d+)/.exec(stdout)?.[1];
  if (release === undefined) throw new Error(`${nvcc} --version names no release`);
  return release;
}

const torchSchema = z.object({ cuda: z.string().nullable(), headers: z.boolean() });
const ASK_TORCH = `
import json, os, sysconfig, torch
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
print(json.dumps({"cuda": torch.version.cuda, "headers": os.path.exists(header)}))
`;

/** @throws Error when this torch does not load. */
export async function askTorch(python: string): Promise<z.infer<typeof torchSchema>> {
  const { stdout } = await execa(python, ['-I', '-c', ASK_TORCH], { stdin: 'ignore' }).catch(
    (error: unknown) => {
      throw new Error(`torch cannot be asked: ${messageOf(error).split('\n')[0] ?? ''}`);
    },
  );
  return torchSchema.parse(JSON.parse(stdout));
}

/** A tool by where it really lies: another CUDA behind the same link is another chance. */
export function toolStamp(path: string | undefined): string | null {
  return path === undefined ? null : realpathSync(path);
}

function isYes(text: string | undefined): boolean {
  return /^(true|1|yes|on)$/i.test((text ?? '').trim());
}
