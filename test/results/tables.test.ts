import { expect, test } from 'vitest';
import { analyse } from '../../tools/results/analysis/analyse.js';
import { csvTable } from '../../tools/results/outputs/tables/csv.js';
import { evaluationsCsv } from '../../tools/results/outputs/tables/eval-results.js';
import { certificatesCsv } from '../../tools/results/outputs/tables/invarlock-results.js';
import { content, filesOf, planOf } from './builders.js';

test('CSV by RFC 4180', () => {
  expect(
    csvTable(
      ['a', 'b'],
      [
        ['plain', 'a,b'],
        ['say "no"', 'two\nlines'],
        [null, NaN],
        [true, 0.1],
      ],
    ),
  ).toBe('a,b\r\nplain,"a,b"\r\n"say ""no""","two\nlines"\r\n,NaN\r\ntrue,0.1\r\n');
});

test('eval_results.csv', () => {
  const plan = planOf({ errors: [] });
  const files = filesOf(plan, { accuracy: { 'm/a_clean/city': 0.75 }, n: 100 });
  files.delete('output/s/m/evals/a_clean_job_results.receipt.json');
  expect(evaluationsCsv(analyse(plan, files).evaluations).split('\r\n')).toEqual([
    'model,edit_type,task,metric,value,class,benchmark,state,stderr,n,baseline,delta,limit,regression',
    'm,baseline,city_task,"acc,none",0.9,baseline,city,ok,0.01,100,,,,',
    'm,baseline,job_task,"acc,none",0.9,baseline,job,ok,0.01,100,,,,',
    'm,a_clean,city_task,"acc,none",0.75,clean,city,ok,0.01,100,0.9,-0.15000000000000002,0.06,true',
    'm,a_clean,,,,clean,job,not_run,,,0.9,,,',
    '',
  ]);
});

test('invarlock_results.csv', () => {
  const plan = planOf({
    edits: { a_clean: 'clean', b_stress: 'stress' },
    runs: 2,
    guards: ['invariants', 'rmt', 'variance', 'invariants'],
    errors: ['nan_injection', 'zero_layer'],
  });
  const nan = {
    flags: { invariants_pass: false, primary_metric_acceptable: false },
    ...{ ratio: NaN, ci: null, label: 'Low' },
  };
  const files = filesOf(plan, {
    certificates: {
      'm/a_clean/2': { flags: { rmt_stable: undefined }, label: 'Medium' },
      'm/error_nan_injection/1': nan,
    },
  });
  files.delete('output/s/m/certificates/b_stress/run_1/receipt.json');
  files.set('output/s/m/certificates/b_stress/run_2/evaluation.cert.json', { ok: false, detail: 'torn' });
  const refusal = { schema: 1, status: 'refused', exit_code: 3, reason: 'weights, "not finite"' };
  files.set('output/s/m/certificates/errors/zero_layer/outcome.json', content(refusal));
  files.delete('output/s/m/certificates/errors/zero_layer/evaluation.cert.json');
  const guards = 'balanced,invariants|rmt|variance|invariants,spectral';
  const none = 'invariants|rmt|variance|invariants,spectral';
  // 1.102 − 1, and 1.102 − 1.005, as doubles have them.
  const margins = '0.10200000000000009,0.0970000000000002,,,,,';
  const root = 'output/s/m/certificates';
  expect(certificatesCsv(analyse(plan, files).certificates).split('\r\n')).toEqual([
    'model,experiment,run,edit_type,pm_ratio,pm_ci_low,pm_ci_high,pm_threshold,pm_acceptable,pm_degraded,' +
      'preview_final_drift_acceptable,invariants_pass,spectral_stable,rmt_stable,all_pass,overall_pass,' +
      'hysteresis_applied,guard_overhead_acceptable,confidence_label,triage,triage_reason,class,state,refusal,' +
      'flagged,repeats,pm_kind,pm_preview,pm_final,tier,guards,guards_not_run,certificate,' +
      'pm_margin,pm_margin_upper,drift_margin,spectral_caps_left,rmt_margin,determinism_level,policy_digest,' +
      'invariants_compared_with,spectral_compared_with,rmt_compared_with',
    'm,a_clean,run_1,a_clean,1,0.995,1.005,1.102,true,false,true,true,not_run,true,true,true,false,not_evaluated,' +
      `High,PASS,,clean,certified,,false,,ppl_causal,10,10,${guards},${root}/a_clean/run_1/evaluation.cert.json,${margins},unknown,not_run,unknown`,
    'm,a_clean,run_2,a_clean,1,0.995,1.005,1.102,true,false,true,true,not_run,missing,unknown,unknown,false,' +
      'not_evaluated,Medium,REVIEW,rmt_stable:missing|confidence_Medium,clean,certified,,unknown,,ppl_causal,10,10,' +
      `${guards},${root}/a_clean/run_2/evaluation.cert.json,${margins},unknown,not_run,nothing`,
    `m,b_stress,run_1,b_stress,,,,,,,,,,,,,,,,,,stress,not_run,,unknown,,,,,,${none},,,,,,,,,,,`,
    `m,b_stress,run_2,b_stress,,,,,,,,,,,,,,,,,,stress,unreadable,,unknown,,,,,,${none},,,,,,,,,,,`,
    'm,errors,run_1,error_nan_injection,NaN,,,1.102,false,true,false,false,not_run,true,false,false,false,not_evaluated,' +
      'Low,FAIL,invariants_pass:fail|primary_metric_acceptable:fail|preview_final_drift_acceptable:fail|' +
      `primary_metric_degraded|confidence_Low|primary_metric_clear,error,certified,,true,,ppl_causal,10,NaN,${guards},` +
      `${root}/errors/nan_injection/evaluation.cert.json,,,,,,,,unknown,not_run,unknown`,
    'm,errors,run_1,error_zero_layer,,,,,,,,,,,,,,,,FAIL,"weights, ""not finite""",error,refused,' +
      `"weights, ""not finite""",true,,,,,,${none},,,,,,,,,,,`,
    '',
  ]);
});
