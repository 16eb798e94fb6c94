// What CI reads: JUnit XML and the Markdown summary.
import { expect, test } from 'vitest';
import { parseFaultLog } from '../../tools/execution/records/fault-log.js';
import { junitXml } from '../../tools/results/outputs/junit.js';
import { summaryMarkdown } from '../../tools/results/outputs/text/markdown.js';
import { content, filesOf, findingsOf, planOf } from './builders.js';

const plan = planOf({ edits: { a_clean: 'clean', b_stress: 'stress' }, errors: ['nan_injection'] });
const HURT = {
  accuracy: { 'm/b_stress/city': 0.2 },
  certificates: { 'm/b_stress/1': { flags: { primary_metric_acceptable: false }, ratio: 2 } },
};

test('a cell a test case; a refuted model passes', () => {
  const xml = junitXml(findingsOf(plan, filesOf(plan, HURT)));
  expect(xml.match(/<testcase /g)).toHaveLength(plan.cells.length);
  expect(xml).toContain(`tests="${plan.cells.length}" failures="0" errors="0" skipped="0"`);
  expect(xml).toMatch(
    /name="certify-1"[^>]*>\n +<system-out>certificate: refuted \[primary_metric_acceptable:fail/,
  );
  expect(xml).not.toMatch(/<(error|skipped|failure)/);
});

test('what kept a result away is an error, what has not run is skipped', () => {
  const files = filesOf(plan, HURT);
  files.delete('output/s/m/certificates/a_clean/run_1/receipt.json');
  files.delete('output/s/m/certificates/b_stress/run_1/receipt.json');
  files.set('output/s/m/evals/baseline_results.json', content({ benchmarks: 'none & <nothing>' }));
  const faults = new Map([['s.m.b_stress:certify-1', 'killed: "SIGKILL" \u0007 <oom>']]);
  const xml = junitXml(findingsOf(plan, files, { faults }));
  expect(xml).toContain('errors="2" skipped="1"');
  expect(xml).toContain('<skipped message="not_run: ');
  expect(xml).toContain('<error type="failed" message=');
  expect(xml).toContain('killed: &quot;SIGKILL&quot; \\x07 &lt;oom&gt;');
  expect(xml).toContain('<error type="unreadable"');
  expect(xml).toContain('value="INCOMPLETE"');
});

test('the summary has the numbers and the names, and nothing of files is markup', () => {
  const missed = summaryMarkdown(
    findingsOf(plan, filesOf(plan, { accuracy: { 'm/b_stress/city': 0.2, 'm/b_stress/job': 0.2 } })),
  );
  expect(missed).toMatch(/^## s: NOT\\_ASSESSABLE: InvarLock flagged 0 of 1 harmful edit/);
  expect(missed).toContain(
    '\nOriginal rule (accuracy and error detection): PHASE0\\_FAILED, confidence LOW.\n',
  );
  expect(missed).toContain('| Harmful edits flagged | **0.0 %** | 0.0 to 97.5 | 0 of 1 harmful edits |');
  expect(missed).toContain('- `m/b_stress`: ratio 1.0000; drop in city, p \\< 0.0001');
  expect(missed).toContain('Accuracy 1 of 2 edits');
  const files = filesOf(plan);
  files.delete('output/s/m/evals/a_clean_city_results.receipt.json');
  const faults = new Map([['s.m.a_clean:eval-city', 'internal: <b>*boom*</b> | [x](y)\nsecond line']]);
  const partial = summaryMarkdown(findingsOf(plan, files, { faults }));
  expect(partial.split('\n')[0]).toContain('INCOMPLETE');
  expect(partial).toContain('\\<b\\>\\*boom\\*\\</b\\> \\| \\[x\\](y)');
  expect(partial).not.toContain('VALIDATED');
});

test('lines of the fault log are read in order; torn ones are counted', () => {
  const line = (at: string, more: object = {}): string =>
    JSON.stringify({ at, cell: 's.m.v:eval', code: 'killed', message: 'gone', ...more });
  const { faults, unreadable } = parseFaultLog(
    [
      line('2026-01-02T00:00:00Z', { attempt: 2, log: 'l', again: true, gpus: [1] }),
      line('2026-01-01T00:00:00Z'),
      '{"at":',
      '[]',
      '',
    ].join('\n'),
  );
  expect(unreadable).toBe(2);
  expect(faults).toMatchObject([
    { at: '2026-01-01T00:00:00Z', attempt: null, log: null, again: false },
    { at: '2026-01-02T00:00:00Z', attempt: 2, log: 'l', again: true },
  ]);
});
