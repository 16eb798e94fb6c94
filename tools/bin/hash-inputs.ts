// Prints what every cell's Nx hash takes from this machine (a `runtime` input), where the nx run has not been told before:
// the shell looks first (machine-input.ts).
const root = process.cwd();
const [suite] = process.argv.slice(2);

try {
  // Only here: the imports take most of the time.
  const { requireRecorded } = await import('../suite/nx/record.js');
  const { loadSiteSettings } = await import('../suite/settings/settings.js');
  if (suite !== undefined) requireRecorded(root, suite, process.env);
  const { keepAnswer, machineAnswer } = await import('../execution/records/machine-answer.js');
  const text = await machineAnswer(root, loadSiteSettings(root));
  process.stdout.write(text);
  const run = await askingRun();
  if (suite !== undefined && run !== undefined) keepAnswer(root, run, suite, text);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** The nx run that asks: Nx asks by way of a shell. */
async function askingRun(): Promise<number | undefined> {
  const { commandOf, parentOf } = await import('../host/process-identity.js');
  let run: number | undefined = process.ppid;
  while (run !== undefined && /^(ba|da)?sh$/.test(commandOf(run) ?? '')) run = parentOf(run);
  return run === undefined || commandOf(run) === undefined ? undefined : run;
}
