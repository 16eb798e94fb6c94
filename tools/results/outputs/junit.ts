// reports/junit.xml: a cell a test case. A refuted model is a result, so its cell passes; only what kept a result from
// being there is an error, and what has not run is skipped.
import { plain } from '../../base/text/plain-text.js';
import type { CellResult } from '../analysis/cell-results.js';
import { reasonsOf } from '../analysis/null-runs.js';
import { findingSentence } from './text/finding-text.js';
import type { Findings } from '../analysis/findings.js';

export function junitXml({ analysis, cells }: Findings): string {
  const suites = new Map<string, CellResult[]>();
  for (const state of cells) {
    const project = state.cell.slice(0, state.cell.lastIndexOf(':'));
    suites.set(project, [...(suites.get(project) ?? []), state]);
  }
  const outcomes = outcomesOf(analysis);
  const head = `<testsuites name="${escape(analysis.suite)}" ${totals(cells)}>`;
  const properties = [
    ['verdict', analysis.complete ? analysis.phase0.verdict : 'INCOMPLETE'],
    ['finding', analysis.complete ? analysis.finding.status : 'INCOMPLETE'],
    ['finding_sentence', findingSentence(analysis)],
    ['complete', String(analysis.complete)],
    ...(analysis.complete ? [['verdict_confidence', analysis.phase0.confidence]] : []),
    ['accuracy', String(analysis.confusion.accuracy.value)],
    ['error_detection_rate', String(analysis.errorDetection.value)],
  ];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    head,
    ...[...suites].flatMap(([project, states]) => [
      `  <testsuite name="${escape(project)}" ${totals(states)}>`,
      '    <properties>',
      ...properties.map(
        ([name = '', value = '']) => `      <property name="${name}" value="${escape(value)}"/>`,
      ),
      '    </properties>',
      ...states.flatMap((state) => testCase(project, state, outcomes.get(state.cell) ?? [])),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

function testCase(project: string, state: CellResult, outcome: readonly string[]): string[] {
  const target = state.cell.slice(project.length + 1);
  const open = `    <testcase classname="${escape(project)}" name="${escape(target)}" time="${seconds(state)}"`;
  const inner = [...trouble(state), ...output(state, outcome)];
  return inner.length === 0 ? [`${open}/>`] : [`${open}>`, ...inner, '    </testcase>'];
}

function trouble({ status, detail }: CellResult): string[] {
  switch (status) {
    case 'finished':
      return [];
    case 'not_run':
    case 'stale':
      return [`      <skipped message="${escape(`${status}: ${detail}`)}"/>`];
    case 'failed':
    case 'altered':
    case 'absent':
    case 'unreadable':
    case 'incomplete':
    case 'mismatched':
      return [`      <error type="${status}" message="${escape(detail)}"/>`];
  }
}

function output({ cell, record }: CellResult, outcome: readonly string[]): string[] {
  const log = record?.attempts.at(-1)?.log;
  const lines = [
    ...outcome,
    ...(log === undefined ? [] : [`log: ${log}`]),
    `again: npx nx run ${cell} --skip-nx-cache`,
  ];
  return [`      <system-out>${escape(lines.join('\n'))}</system-out>`];
}

/** What a certificate says of the model, by cell, and an evaluation of a model that cannot be loaded. */
function outcomesOf({ suite, certificates, errors, nulls }: Findings['analysis']): Map<string, string[]> {
  return new Map([
    ...errors.flatMap(({ model, variant, label }): [string, string[]][] =>
      label.ok || label.unloadable === undefined
        ? []
        : [[`${suite}.${model}.${variant}:eval`, [`harmful: ${label.reason}: ${label.unloadable}`]]],
    ),
    ...certificates.map((row): [string, string[]] => {
      const target = row.class === 'baseline' ? `null-${row.run}` : `certify-${row.run}`;
      const said =
        row.flagged === null
          ? 'inconclusive'
          : row.flagged
            ? row.state === 'refused'
              ? `refuted: InvarLock refused the model (${row.refusal ?? ''})`
              : 'refuted'
            : 'not refuted';
      const why = reasonsOf(nulls, row);
      return [
        `${suite}.${row.model}.${row.variant}:${target}`,
        [
          `certificate: ${said}${why.length === 0 ? '' : ` [${why.join(', ')}]`}`,
          ...(row.madeUp.length === 0 ? [] : [`loaded with random numbers: ${row.madeUp.join('; ')}`]),
        ],
      ];
    }),
  ]);
}

function totals(states: readonly CellResult[]): string {
  const count = (...statuses: CellResult['status'][]): number =>
    states.filter(({ status }) => statuses.includes(status)).length;
  const errors = count('failed', 'altered', 'absent', 'unreadable', 'incomplete', 'mismatched');
  const time = states.reduce((sum, { record }) => sum + (record?.runSeconds ?? 0), 0);
  return (
    `tests="${states.length}" failures="0" errors="${errors}" skipped="${count('not_run', 'stale')}" ` +
    `time="${time.toFixed(3)}"`
  );
}

function seconds({ record }: CellResult): string {
  return (record?.runSeconds ?? 0).toFixed(3);
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};

/** For text and attributes alike; characters XML 1.0 cannot hold become U+FFFD. */
function escape(text: string): string {
  return (
    plain(text)
      // eslint-disable-next-line no-control-regex -- XML 1.0 has no place for these
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
      .replace(/[&<>"\n]/g, (character) => ENTITIES[character] ?? character)
  );
}
