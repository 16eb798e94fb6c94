// The command whose output stands for this machine in a cell's hash: device class and pinned versions. It fails, and with
// it the run before anything starts, when the environment asks for another suite than was made.

/** Workspace-relative: answers to runs of nx that are under way. */
export const ANSWERS = '.nx/validation-machine';

export function answerName(nxPid: number | string, suite: string): string {
  return `${nxPid}-${suite}`;
}

/**
 * Nx gives it to a shell for every wave of tasks, so the shell looks first for what bin/hash-inputs.ts answered the same
 * nx (its parent) before: a few milliseconds for the 70 of a process of its own. An answer that is no younger than the
 * parent's /proc entry was given to an earlier process of that pid.
 */
export function machineCommand(suite: string): string {
  const answer = `${ANSWERS}/${answerName('$PPID', suite)}`;
  return `[ ${answer} -nt /proc/$PPID ] && cat ${answer} || node tools/dist/bin/hash-inputs.js ${suite}`;
}
