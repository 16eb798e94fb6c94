// Simulations behind docs/method.md: how often the rules err, and what they can see. node bench/ground-truth.mjs [draws]
// Deterministic: the same draws each time. Prints the tables of docs/method.md as Markdown.
import { labelOf } from '../tools/dist/results/analysis/ground-truth/label.js';

const DRAWS = Number(process.argv[2] ?? 2000);

/** xorshift128+ would be more than these tables need; a 32-bit generator with a fixed seed is enough. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 4_294_967_296;
  };
}

const random = generator(20_260_101);

/** A normal approximation would blur what happens at 0 and 1, so each item is drawn. */
function arm({ n, accuracy, lost, won }) {
  let b = 0;
  let c = 0;
  let before = 0;
  let after = 0;
  for (let item = 0; item < n; item += 1) {
    const right = random() < accuracy;
    const turned = random() < (right ? lost / accuracy : won / (1 - accuracy));
    if (right) before += 1;
    if (right !== turned) after += 1;
    if (turned && right) b += 1;
    if (turned && !right) c += 1;
  }
  return { n, lost: b, won: c, before: before / n, after: after / n };
}

/** Outcomes with these counts; only what labelOf looks at. */
function joined(name, { n, lost, won }) {
  const rows = Array.from({ length: n }, (_, item) => item);
  const side = (correct) => ({
    correct: rows.map(correct),
    logLikelihoods: rows.map(() => [-1, -2]),
    gold: rows.map(() => 0),
  });
  return {
    benchmark: name,
    before: side((item) => item < n - won),
    after: side((item) => item >= lost),
    pairs: rows.map((row) => ({ before: row, after: row })),
    notes: [],
  };
}

/** The original rule, of two accuracies. */
function originalHurt(arms) {
  return arms.some(
    ({ n, before, after }) => before - after > 2 * Math.sqrt((before * (1 - before)) / n) + 1e-12,
  );
}

function trial(benchmarks) {
  const arms = benchmarks.map(arm);
  const { label } = labelOf(arms.map((one, at) => joined(`b${at}`, one)));
  return { label, original: originalHurt(arms) };
}

function shares(benchmarks, draws = DRAWS) {
  const counts = { harmful: 0, harmless: 0, undecided: 0, original: 0 };
  for (let draw = 0; draw < draws; draw += 1) {
    const { label, original } = trial(benchmarks);
    counts[label] += 1;
    if (original) counts.original += 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([key, count]) => [key, (100 * count) / draws]));
}

const percent = (value) => `${value.toFixed(1)} %`;
const table = (head, rows) => {
  for (const row of [head, head.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);
  console.log('');
};
const four = (of) => Array.from({ length: 4 }, () => of);
const head = ['', 'harmful', 'harmless', 'undecided', 'original rule: hurt'];
const row = (name, { harmful, harmless, undecided, original }) => [
  name,
  ...[harmful, harmless, undecided, original].map(percent),
];

console.log(`${DRAWS} draws a row.\n`);
console.log('### Edits without effect: as many answers won as lost\n');
const nulls = [];
for (const n of [128, 512, 2000]) {
  for (const accuracy of [0.5, 0.9, 0.95, 0.99]) {
    const flips = Math.min(0.03, (1 - accuracy) / 2);
    const name = `4 × ${n} items, accuracy ${accuracy}, ${(200 * flips).toFixed(0)} % flip`;
    nulls.push(row(name, shares(four({ n, accuracy, lost: flips, won: flips }))));
  }
}
table(head, nulls);

console.log('### Edits with a true drop in every benchmark, 6 % of answers flip\n');
const drops = [];
for (const n of [128, 512, 2000]) {
  for (const drop of [0.005, 0.01, 0.02, 0.05]) {
    const lost = 0.03 + drop / 2;
    const name = `4 × ${n} items, accuracy 0.7, drop ${100 * drop} points`;
    drops.push(row(name, shares(four({ n, accuracy: 0.7, lost, won: lost - drop }))));
  }
}
table(head, drops);

console.log("### A drop in one of b200's four benchmarks alone (ARC, 1,172 items at 0.55)\n");
const sizes = [
  { n: 4000, accuracy: 0.62 },
  { n: 4000, accuracy: 0.81 },
  { n: 1267, accuracy: 0.74 },
];
const single = [];
for (const drop of [0, 0.02, 0.03, 0.05]) {
  const quiet = sizes.map((size) => ({ ...size, lost: 0.01, won: 0.01 }));
  const lost = 0.01 + drop;
  single.push(
    row(
      `drop ${100 * drop} points in ARC, 2 % flip`,
      shares([...quiet, { n: 1172, accuracy: 0.55, lost, won: 0.01 }], Math.min(DRAWS, 500)),
    ),
  );
}
table(head, single);
