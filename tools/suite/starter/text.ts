// The text of a new suite.yaml: every value that was chosen, with what follows from it beside it. Pure.
import { parse } from 'yaml';
import { GIB } from '../../base/units.js';
import type { SizeClass } from '../model/cell.js';
import { editName, formatEdit, type ListedClass } from '../model/edit-spec.js';
import { minimumsOf } from '../model/minimums.js';
import { nameFromSource } from '../model/names.js';
import { rowsFor, SIZE_TABLE, validWindows } from '../model/size-classes.js';
import type { Benchmark } from '../model/suite.js';
import type { Windows } from '../model/windows.js';
import { billionsOf, positionsOf, type ModelFacts } from './model-size.js';
import type { ChosenEdit } from './options.js';
import { PROFILE, type ProfileName } from './profiles.js';
import type { StarterTaken } from './quantized.js';

/** As suite.yaml has it: a hub id; or a path, absolute or relative to suite.yaml. */
export type WrittenSource = { id: string } | { path: string };

export interface StarterCheckpoint {
  class: ListedClass;
  name: string;
  source: WrittenSource;
  /** Where it is known to be quantized. */
  taken?: StarterTaken | undefined;
}

export interface StarterModel {
  name: string;
  source: WrittenSource;
  sizeClass: SizeClass;
  facts: ModelFacts;
  checkpoints: readonly StarterCheckpoint[];
}

export interface Starter {
  name: string;
  profile: ProfileName;
  models: readonly StarterModel[];
  edits: readonly ChosenEdit[];
  benchmarks: readonly Benchmark[];
}

const TIER = 'balanced';
const CLASSES = ['clean', 'stress'] as const;

export function starterText(starter: Starter): string {
  const { name, profile, models, edits } = starter;
  const { what, runs, limit, errors, errorLimit } = PROFILE[profile];
  const shared = models.some(({ checkpoints }) => checkpoints.length === 0);
  const lines = [
    `# Suite ${name}, begun by nx g ./tools:suite with profile ${profile}: for ${what}.`,
    '# From here on it is yours: change it, then run   npx nx g ./tools:suite ' + name,
    `# Can this host run it?   npx nx run ${name}:doctor   How long will it take?   npx nx run ${name}:plan`,
    `# Run it, or go on with it:   npx nx run ${name}:certify   Every setting: docs/suite.md`,
    `description: ${scalar(`${models.map((model) => model.name).join(', ')} with profile ${profile}`)}`,
    '',
    `tier: ${TIER} # how strict InvarLock judges: conservative | balanced | aggressive`,
    '',
    'models:',
    ...models.flatMap((model) => modelLines(model, edits)),
    '',
    ...(shared
      ? [
          '# An edit is clean or stress by what you expect. The class sets how often it is certified, no more: the',
          '# answers to the benchmarks say what it is.',
          'edits:',
          ...editLines(edits, [], '  '),
        ]
      : []),
    ...(shared ? [''] : []),
    '# Deliberate faults; all should be flagged. limit: items of each benchmark that one is evaluated on.',
    `errors: { types: [${errors.join(', ')}], limit: ${errorLimit} }`,
    '',
    'benchmarks: # task: the name of a task of lm-eval',
    ...starter.benchmarks.map(
      ({ name: own, task, fewshot }) =>
        `  - { name: ${scalar(own)}, task: ${scalar(task)}, fewshot: ${fewshot} }`,
    ),
    ...(limit === 'all'
      ? ['evaluation: { limit: all } # items of each benchmark that are asked; a number asks its first ones']
      : [
          `# Items of each benchmark that are asked, its first ones: ${limit} show a loss of about ${smallestLoss(limit)} points of`,
          '# accuracy where 5 % of the answers change (docs/suite.md#ground-truth). all: every item, and longer.',
          `evaluation: { limit: ${limit} }`,
        ]),
    '',
    '# Runs of InvarLock: calibrations of each model, certificates of each edit.',
    `runs: { calibration: ${runs.calibration}, clean: ${runs.clean}, stress: ${runs.stress} }`,
    '',
    'dataset: { provider: wikitext2, split: validation } # or a corpus of your own: docs/suite.md#things-to-know',
    `# What InvarLock measures on, by size class: preview + final rows of wikitext2, each cut at seq_len tokens or padded`,
    `# to it. Tier ${TIER} asks for ${minimumsOf(TIER).tokens} tokens in all, so fewer tokens a row take more rows; doctor counts them.`,
    'windows:',
    ...windowLines(starter),
  ];
  return lines.join('\n') + '\n';
}

function modelLines(
  { name, source, sizeClass, facts, checkpoints }: StarterModel,
  edits: readonly ChosenEdit[],
): string[] {
  const [key, value] = 'id' in source ? (['id', source.id] as const) : (['path', source.path] as const);
  const named = name === nameFromSource(value) ? [] : [`    name: ${scalar(name)}`];
  const note = key === 'path' && !value.startsWith('/') ? ' # relative to this file' : '';
  return [
    `  - ${key}: ${scalar(value)}${note}`,
    ...named,
    `    size_class: ${sizeClass} # ${sizeNote(sizeClass, facts)}`,
    ...(checkpoints.length === 0
      ? []
      : [
          '    edits: # of this model: checkpoints belong to one',
          ...editLines(edits, checkpoints, '      '),
        ]),
  ];
}

function sizeNote(sizeClass: SizeClass, facts: ModelFacts): string {
  const { mode, evalBatch, invarlockBatch } = SIZE_TABLE[sizeClass];
  const billions = billionsOf(facts);
  const size =
    billions === undefined
      ? 'by its name or --size-class'
      : `${numbers(billions)} numbers, ${significant((facts.bytes ?? 0) / GIB)} GiB in bf16`;
  const passes = mode === 'batch' ? 'all edits in one pass' : 'a cell an edit';
  return `${size}; ${passes}, lm-eval's batches ${evalBatch}, InvarLock's ${invarlockBatch}`;
}

function numbers(billions: number): string {
  if (billions >= 1) return `${significant(billions)} billion`;
  return billions >= 0.001
    ? `${significant(billions * 1e3)} million`
    : `${significant(billions * 1e6)} thousand`;
}

function significant(value: number): string {
  return String(Number(value.toPrecision(2)));
}

function editLines(
  edits: readonly ChosenEdit[],
  checkpoints: readonly StarterCheckpoint[],
  indent: string,
): string[] {
  return CLASSES.flatMap((editClass) => {
    const meant = editClass === 'clean' ? 'expected to be harmless' : 'expected to hurt';
    const items = [
      ...checkpoints.filter((one) => one.class === editClass).flatMap(checkpointLines),
      ...editItems(edits.filter((one) => one.class === editClass)).map((item) => `- ${item}`),
    ];
    if (items.length === 0) return [`${indent}${editClass}: [] # ${meant}`];
    return [`${indent}${editClass}: # ${meant}`, ...items.map((item) => `${indent}  ${item}`)];
  });
}

/** One that would have another's name is given one with all its parameters. */
function editItems(edits: readonly ChosenEdit[]): string[] {
  const taken = new Set<string>();
  return edits.map(({ class: editClass, spec }) => {
    const name = editName(spec, editClass);
    if (!taken.has(name)) {
      taken.add(name);
      return formatEdit(spec);
    }
    const whole = `${editName(spec, 'ladder')}_${editClass}`;
    const fields = Object.entries({ ...spec, name: whole }).map(([key, value]) => `${key}: ${value}`);
    return `{ ${fields.join(', ')} }`;
  });
}

function checkpointLines({ name, source, taken }: StarterCheckpoint): string[] {
  const value = 'id' in source ? source.id : source.path;
  const named = name === nameFromSource(value) ? '' : `, name: ${scalar(name)}`;
  if (taken === undefined) return [`- { checkpoint: ${scalar(value)}${named} }`];
  return [`# ${taken.remark}`, `- { checkpoint: ${scalar(value)}${named}, as: ${taken.as} }`];
}

function windowLines({ profile, models }: Starter): string[] {
  const classes = [...new Set(models.map(({ sizeClass }) => sizeClass))];
  return classes.map((sizeClass) => {
    const wanted = PROFILE[profile].windows ?? validWindows(sizeClass, TIER, 'wikitext2');
    const positions = models.flatMap((model) =>
      model.sizeClass === sizeClass ? (positionsOf(model.facts) ?? []) : [],
    );
    const most = Math.min(wanted.seq_len, ...positions);
    const fits = most === wanted.seq_len;
    const { seq_len, stride, preview, final } = fits ? wanted : shortened(wanted, most);
    const note = fits ? '' : ` # no longer: a model has positions for ${most} tokens`;
    return `  ${sizeClass}: { seq_len: ${seq_len}, stride: ${stride}, preview: ${preview}, final: ${final} }${note}`;
  });
}

function shortened(wanted: Windows, seq_len: number): Windows {
  const count = Math.max(wanted.preview, rowsFor(seq_len, TIER));
  return { seq_len, stride: seq_len, preview: count, final: count };
}

/** In points, with a probability of 80 % at a level of 5 %, where 5 % of the answers change. */
function smallestLoss(items: number): string {
  return (100 * (1.645 + 0.842) * Math.sqrt(0.05 / items)).toFixed(1);
}

/** Plain where YAML reads it as the same text wherever it stands, else quoted. */
function scalar(text: string): string {
  const plain = /^[\w./][\w ./@:+-]*$/.test(text) && !/: | #/.test(text) && readBack(text) === text;
  return plain ? text : JSON.stringify(text);
}

function readBack(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return undefined;
  }
}
