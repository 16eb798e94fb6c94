// Calls of Slurm's own commands: with a limit, and never with what an allocation around this process says of itself.
import { execa } from 'execa';
import { messageOf } from '../../../base/message.js';
import { fail, ok, type Result } from '../../../base/result.js';

const LIMIT_MS = 60_000;

/** The output, or what the command says is wrong. */
export async function slurm(
  command: 'sbatch' | 'squeue' | 'scancel' | 'scontrol' | 'sacct' | 'sinfo',
  args: readonly string[],
  {
    environment = cleanEnvironment(),
    limitMs = LIMIT_MS,
  }: { environment?: NodeJS.ProcessEnv; limitMs?: number } = {},
): Promise<Result<string, string>> {
  try {
    const child = execa(command, args, {
      env: environment,
      extendEnv: false,
      stdin: 'ignore',
      reject: false,
      timeout: limitMs,
    });
    // It would ask again by itself for two minutes, and all who want to submit would wait for it without a word.
    child.stderr.on('data', (chunk: Buffer) => {
      if (ASKS_AGAIN.test(chunk.toString())) child.kill();
    });
    const { stdout, stderr, exitCode, timedOut } = await child;
    if (exitCode === 0) return ok(stdout);
    if (timedOut) return fail(`${command} did not answer for ${limitMs / 1_000} s`);
    const said = `${stderr}\n${stdout}`.trim().split('\n');
    const [first = ''] = said.filter((line) => /error|fatal/i.test(line));
    const last = said.at(-1) ?? '';
    if (ASKS_AGAIN.test(stderr)) return fail(last);
    if (exitCode === undefined) return fail(`${command} cannot be run: is Slurm installed here?`);
    return fail(
      last === ''
        ? `${command} ended with exit code ${exitCode}`
        : first === last || first === ''
          ? last
          : `${first} ${last}`,
    );
  } catch (error) {
    return fail(messageOf(error));
  }
}

/** The queue of the site is full, or closed for a moment. */
const ASKS_AGAIN = /sleeping and retrying|temporarily disabled, retrying/;

/** The head's environment without what its own allocation, deadline and choice of GPUs put there. */
export function cleanEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(
    ([name]) =>
      name === 'SLURM_CONF' ||
      (!/^(SLURM|SBATCH|SLURMD|SRUN)_/.test(name) &&
        !['CUDA_VISIBLE_DEVICES', 'GPU_DEVICE_ORDINAL', 'VALIDATION_DEADLINE'].includes(name)),
  );
  return { ...Object.fromEntries(kept), SLURM_TIME_FORMAT: 'standard' };
}

/** The controller does not answer for now, or takes no more jobs for now: ask again. */
export function passesBySelf(problem: string): boolean {
  return /unable to contact|connect(ion)? (failure|refused|timed out)|timed out|did not answer|temporarily (unable|unavailable)|try again|retrying|SubmitLimit|Submit.*Limit|submit limit|MaxSubmit|MaxJobCount|communication (connection )?failure|Zero Bytes|backup|standby/i.test(
    problem,
  );
}
