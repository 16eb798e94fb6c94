// Variants made by hand for the judges' tests: certificates with given ratios and gates, answers with given changes.
import { ask, JUDGE_TABLE } from '../../../../tools/results/analysis/judges/index.js';
import type { Judge, JudgeAnswer, Subject } from '../../../../tools/results/analysis/judges/judge.js';
import { analyse } from '../../../../tools/results/analysis/analyse.js';
import type { CertificateRow } from '../../../../tools/results/analysis/certificates/rows.js';
import { type CertificateShape, content, filesOf, planOf } from '../../builders.js';

/** One entry a run: a certificate, `refused`, or `missing`. */
export type Run = CertificateShape | 'refused' | 'missing';

export function runsOf(runs: readonly Run[]): CertificateRow[] {
  const plan = planOf({ errors: [], runs: runs.length });
  const shapes = runs.flatMap((run, at) =>
    typeof run === 'string' ? [] : [[`m/a_clean/${at + 1}`, run] as const],
  );
  const files = filesOf(plan, { certificates: Object.fromEntries(shapes) });
  runs.forEach((run, at) => {
    const path = `output/s/m/certificates/a_clean/run_${at + 1}`;
    if (typeof run !== 'string') return;
    files.delete(`${path}/evaluation.cert.json`);
    if (run === 'missing') files.delete(`${path}/receipt.json`);
    else {
      const refusal = { schema: 1, status: 'refused', exit_code: 3, reason: 'weights are not finite' };
      files.set(`${path}/outcome.json`, content(refusal));
    }
  });
  return analyse(plan, files).certificates.filter(({ variant }) => variant === 'a_clean');
}

export function subject(of: Partial<Subject> & { certificates?: readonly Run[] } = {}): Subject {
  const { certificates, ...rest } = of;
  return {
    ...{ model: 'm', variant: 'a_clean', class: 'clean', answers: null, weightError: null },
    trueBaseline: { ok: false, because: 'not measured' },
    comparison: { ok: false, because: 'not measured' },
    outcome012: { ok: false, because: 'not measured' },
    runs: certificates === undefined ? [] : runsOf(certificates),
    ...rest,
  };
}

export function judgeNamed(name: string): Judge {
  const found = Object.values(JUDGE_TABLE)
    .flat()
    .find((one) => one.name === name);
  if (found === undefined) throw new Error(`no judge ${name}`);
  return found;
}

export function says(name: string, of: Subject): JudgeAnswer {
  return ask(judgeNamed(name), of);
}
