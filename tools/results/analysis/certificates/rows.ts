// Rows of invarlock_results.csv: one a planned certificate, with what InvarLock said or why nothing can be read.
import { judge, type Judgement } from './certificate.js';
import { GATES, GUARD_OF } from './gates.js';
import { type Files, type Missing, type MissingReason, parseFile } from '../../read/files.js';
import type { ExpectedCertificate, VariantClass } from '../../read/expected.js';
import { certificateSchema, outcomeSchema } from '../../read/schema.js';
import { not, type Tri } from '../statistics/tri.js';

export interface CertificateRow {
  model: string;
  variant: string;
  class: VariantClass;
  /** k of `certify-<k>`. */
  run: number;
  /** The first run with the same parameters, if this one only repeats it. */
  repeats: number | null;
  guards: string[];
  /** `certified`, `refused` (InvarLock refused the model), or why there is no result. */
  state: 'certified' | 'refused' | MissingReason;
  /** Why InvarLock refused the model. */
  refusal: string | null;
  /** What InvarLock loaded the subject without, giving it random numbers: of one that is broken on purpose. */
  madeUp: readonly string[];
  /** Null without a readable certificate. */
  judgement: Judgement | null;
  /** all_pass is false, or the model was refused; null if neither is known. */
  flagged: Tri;
  triage: Judgement['triage'] | null;
  /** Workspace path of the certificate. */
  path: string;
}

export function certificateRows(
  expected: readonly ExpectedCertificate[],
  files: Files,
  reasonUnfinished: ReadonlyMap<string, Missing>,
): { rows: CertificateRow[]; missing: Missing[] } {
  const missing: Missing[] = [];
  const firstRun = new Map<string, number>();
  const rows = expected.map((one): CertificateRow => {
    const key = `${one.model}\0${one.variant}\0${one.spec}`;
    const first = firstRun.get(key);
    if (first === undefined) firstRun.set(key, one.run);
    const unfinished = reasonUnfinished.get(one.receipt);
    const read = unfinished === undefined ? readCertificate(one, files) : nothing(unfinished.reason);
    missing.push(...read.missing);
    const { state, refusal, judgement, madeUp } = read;
    const refused = state === 'refused';
    return {
      ...{ model: one.model, variant: one.variant, class: one.class, run: one.run, repeats: first ?? null },
      ...{ guards: one.guards, state, refusal, madeUp, judgement, path: one.certificate },
      // A refusal is a detection of its own: InvarLock would not let this model through.
      flagged: refused ? true : judgement === null ? null : not(judgement.allPass),
      triage: refused ? 'FAIL' : (judgement?.triage ?? null),
    };
  });
  return { rows, missing };
}

interface Read extends Pick<CertificateRow, 'state' | 'refusal' | 'judgement' | 'madeUp'> {
  missing: Missing[];
}

function nothing(reason: MissingReason, missing: Missing[] = []): Read {
  return { state: reason, refusal: null, judgement: null, madeUp: [], missing };
}

function readCertificate(one: ExpectedCertificate, files: Files): Read {
  const note = (path: string, reason: MissingReason, detail: string): Missing => ({
    ...{ cell: one.cell, path, reason, detail },
  });
  const outcome = parseFile(files, one.outcome, outcomeSchema);
  if (!outcome.ok) {
    return nothing(outcome.reason, [note(one.outcome, outcome.reason, outcome.detail)]);
  }
  const refused = outcome.value.status === 'refused';
  const state = outcome.value.status;
  const madeUp = outcome.value.made_up;
  const refusal = refused ? (outcome.value.reason ?? 'no reason given') : null;
  const certificate = parseFile(files, one.certificate, certificateSchema);
  if (!certificate.ok) {
    // InvarLock may refuse a model without a certificate; one that was certified must have it.
    const listed =
      refused && certificate.reason === 'absent'
        ? []
        : [note(one.certificate, certificate.reason, certificate.detail)];
    return refused
      ? { state, refusal, judgement: null, madeUp, missing: listed }
      : nothing(certificate.reason, listed);
  }
  const { guards } = outcome.value;
  const judgement = judge(certificate.value, one.guards, one.tier, guards, one.acceptance);
  const gone = GATES.filter((gate) => judgement.gates[gate] === 'missing');
  const listed = gone.map((gate) => {
    const guard = GUARD_OF[gate];
    const fate = guard === undefined ? undefined : guards[guard];
    const detail =
      fate === undefined || fate === 'ran' ? `flag \`${gate}\` is missing` : `guard ${guard ?? ''} ${fate}`;
    return note(one.certificate, 'incomplete', detail);
  });
  return { state, refusal, judgement, madeUp, missing: refused ? [] : listed };
}
