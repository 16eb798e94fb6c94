// Which datasets the benchmarks of a suite read: lm-eval's own task files say, so Python is asked. Nothing is downloaded.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { fail, ok, type Result } from '../base/result.js';

/** Where lm-eval's index is not kept yet, thousands of task files are read. */
const TIMEOUT_MS = 300_000;
const answerSchema = z.record(z.string(), z.array(z.string()));

/** `unusable`: lm-eval has no such task, or cannot read its definition; `unknown`: it could not be asked. */
export interface NoDatasets {
  reason: 'unusable' | 'unknown';
  message: string;
}

/** As task_datasets.py ends where a task is nowhere defined. */
const UNUSABLE = 3;

/** Ids at the hub by task, or why they are not known. @param directory of the suite's own task files, workspace-relative. */
export async function datasetsOfTasks(
  workspaceRoot: string,
  tasks: readonly string[],
  directory: string | undefined,
): Promise<Result<Record<string, string[]>, NoDatasets>> {
  if (tasks.length === 0) return ok({});
  const python = join(workspaceRoot, '.venv', 'bin', 'python');
  if (!existsSync(python)) {
    const message =
      'there is no Python environment yet. Make it (npx nx run tools:python-env), then run this again';
    return fail({ reason: 'unknown', message });
  }
  const include = directory === undefined ? [] : ['--include-path', join(workspaceRoot, directory)];
  const { failed, exitCode, stdout, stderr } = await execa(
    python,
    ['-m', 'validation.evaluation.task_datasets', ...include, ...tasks],
    {
      cwd: workspaceRoot,
      env: {
        PYTHONPATH: join(workspaceRoot, 'tools', 'python'),
        PYTHONNOUSERSITE: '1',
        PYTHONDONTWRITEBYTECODE: '1',
        HF_HUB_OFFLINE: '1',
      },
      reject: false,
      timeout: TIMEOUT_MS,
    },
  );
  const answer = failed ? undefined : answerSchema.safeParse(lastLine(stdout));
  if (answer?.success === true) return ok(answer.data);
  const said = stderr.trim().split('\n').at(-1) ?? '';
  const message = said === '' ? 'no answer of Python' : said;
  return fail({ reason: exitCode === UNUSABLE ? 'unusable' : 'unknown', message });
}

function lastLine(text: string): unknown {
  try {
    return JSON.parse(text.trim().split('\n').at(-1) ?? '');
  } catch {
    return undefined;
  }
}
