// Inputs that are hostile, or clumsy in ways that look well: endless, circular, of another encoding, well-formed and
// impossible. As in corpus.ts, each must end in a sentence with its place, and in nothing else.

const M = 'models: [{ name: m, facts: { architecture: llama } }]\n';
const model = (fields: string): string => `models: [{ name: m, size_class: 7b, ${fields} }]`;
const nested = (open: string, close: string, levels: number): string =>
  `${open.repeat(levels)}${close.repeat(levels)}`;

/** suite.yaml: the text, the line of its first mistake, and words that must be in the sentence. */
export const SUITES: [what: string, text: string, line: number, words: string][] = [
  ['a list that holds itself', 'models: &m [*m]', 1, 'without end'],
  ['a mapping that holds itself', 'models: &m\n  - &n { name: *n }', 2, 'without end'],
  ['a mapping that holds itself by its own key', `${M}edits: &e { clean: *e }`, 2, 'without end'],
  ['a circle over three levels', `${M}edits: &e\n  clean:\n    - { x: [*e] }`, 4, 'without end'],
  ['a root that holds itself', '&r\nmodels: *r', 2, 'without end'],
  ['two that hold each other', 'models: &a [&b [*a, *b]]', 1, 'without end'],
  ['a circle in an unknown setting', `${M}x: &x\n  - *x`, 3, 'without end'],
  ['10,000 lists in each other', `${M}edits: ${nested('[', ']', 10_000)}`, 0, 'deep'],
  ['10,000 mappings in each other', `${M}edits: ${nested('{a: ', '}', 10_000)}`, 0, 'deep'],
  ['10,000 lists in each other, as blocks', `${M}edits:\n  ${'- '.repeat(10_000)}x`, 0, 'deep'],
  ['10,000 lists that never end', '['.repeat(10_000), 0, ''],
  ['100 lists in each other', `${M}\nedits: ${nested('[', ']', 100)}`, 3, 'deep'],
  ['100 levels of indentation', `${Array.from({ length: 100 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')} x`, 65, 'deep'],
  ['a billion laughs', `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'.split('').map((one, at) => `${one}: &${one} [${Array.from({ length: 9 }, () => `*${'abcdefghi'[at] ?? ''}`).join(',')}]`).join('\n')}`, 1, 'alias'],
  ['NUL in a name', `${M}description: "a\\0b"`, 2, 'a line of text'],
  ['ESC in a name', `${M}description: "\\e[31mred"`, 2, 'a line of text'],
  ['a second document', `${M}---\nmodels: []`, 2, 'second document'],
  ['a YAML 1.1 merge', `${M}<<: { tier: balanced }`, 2, 'unknown setting'],
  ['a tag that would run code', 'models: !!python/object/apply:os.system ["true"]', 1, 'not valid YAML'],
  ['keys that are lists', '? [a, b]\n: x', 1, 'not valid YAML'],
  ['a binary', `${M}description: !!binary aGVsbG8=`, 2, ''],
  ['a date', `${M}description: !!timestamp 2001-01-01`, 2, ''],
  ['a key of a prototype', `${M}__proto__: { tier: balanced }`, 2, 'unknown setting'],
  ['constructor as a key', `${M}constructor: x`, 2, 'unknown setting'],
  ['a number too large', `${M}runs: { clean: 1e999 }`, 2, 'a whole number'],
  ['not a number', `${M}runs: { clean: .nan }`, 2, 'a whole number'],
  ['minus infinity', `${M}invarlock: { alpha: -.inf }`, 2, 'a number above'],
  ['a hexadecimal number too large', `${M}runs: { clean: 0xffffffffff }`, 2, 'a whole number'],
  ['acceptance that is no range', `${M}invarlock: { pm_acceptance: [1.2, 1.2] }`, 2, 'the lower bound first'],
  ['acceptance below nothing', `${M}invarlock: { pm_acceptance: [-1, 1.2] }`, 2, 'above 0'],
  ['strict and compiled', `${M}determinism: strict\nevaluation: { torch_compile: true }`, 3, 'determinism is strict'],
  ['an id that climbs', model('id: a/..'), 1, 'a hub id'],
  ['an id of three parts', model('id: a/b/c'), 1, 'a hub id'],
  ['an id that begins with a dash', model('id: -a/b'), 1, 'a hub id'],
  ['an id that ends with a dot', model('id: a/b.'), 1, 'a hub id'],
  ['an id with two dashes', model('id: a/b--c'), 1, 'a hub id'],
  ['an id that is a git repository', model('id: a/b.git'), 1, 'a hub id'],
  ['an id longer than the hub has', model(`id: a/${'b'.repeat(97)}`), 1, 'a hub id'],
  ['an id that is an address', model('id: "https://hub.example/a/b"'), 1, 'a hub id'],
  ['an id with a letter that looks like another', model('id: "о/b"'), 1, 'a hub id'],
  ['an empty id', model('id: ""'), 1, 'a hub id'],
  ['a revision that climbs', model('id: a/b, revision: ../main'), 1, 'a branch'],
  ['a revision with two dots', model('id: a/b, revision: a..b'), 1, 'a branch'],
  ['a revision that is a range', model('id: a/b, revision: "a:b"'), 1, 'a branch'],
  ['a revision that is an option', model('id: a/b, revision: "-D"'), 1, 'a branch'],
  ['a revision that ends with a slash', model('id: a/b, revision: refs/'), 1, 'a branch'],
  ['a revision that ends with .lock', model('id: a/b, revision: main.lock'), 1, 'a branch'],
  ['a commit with a digit too few', model(`id: a/b, revision: ${'a'.repeat(39)}`), 1, '40 digits'],
  ['a commit with a digit too many', model(`id: a/b, revision: ${'a'.repeat(41)}`), 1, '40 digits'],
  ['a revision of spaces', model('id: a/b, revision: "  "'), 1, 'a branch'],
  ['a path from home', model('path: ~/models/x'), 1, 'not ~'],
  ['a path from another home', model('path: ~bob/x'), 1, 'not ~'],
  ['a path that is home', model('path: "~"'), 1, 'not ~'],
  ['a path with a line end', model('path: "a\\nb"'), 1, 'the directory of a model'],
  ['a path with NUL', model('path: "a\\0b"'), 1, 'the directory of a model'],
  ['a path that is a file', model('path: weights.bin'), 1, 'is a file'],
  ['a path below a file', model('path: weights.bin/x/y'), 1, 'above'],
  ['a task of punctuation', `${M}benchmarks: [{ name: x, task: "..." }]`, 2, 'lm-eval task'],
  ['a task that is an option', `${M}benchmarks: [{ name: x, task: "--" }]`, 2, 'lm-eval task'],
  ['a task that is a path', `${M}benchmarks: [{ name: x, task: a/b }]`, 2, 'lm-eval task'],
  ['tasks at home', `${M}evaluation: { tasks: ~/tasks }`, 2, 'relative to suite.yaml'],
  ['a corpus at home', `${M}dataset: { provider: local_jsonl, file: ~/x.jsonl }`, 2, 'relative to suite.yaml'],
  ['a name of eighty-one letters', `models: [{ name: ${'a'.repeat(81)}, facts: { architecture: llama } }]`, 1, 'at most 80'],
  ['a name of Windows', 'models: [{ name: "con:", facts: { architecture: llama } }]', 1, 'no plain name'],
  ['a name with a dot', 'models: [{ name: a.b, facts: { architecture: llama } }]', 1, 'no plain name'],
  ['a name right to left', 'models: [{ name: "a\\u202eb", facts: { architecture: llama } }]', 1, 'no plain name'],
]; // prettier-ignore

/** What may stand in the place of a YAML file; made by special-files.ts. */
export const STRANGE_FILES: [kind: string, words: string][] = [
  ['directory', 'is a directory'],
  ['pipe', 'no regular file'],
  ['link to a device without end', 'no regular file'],
  ['link to a device that is empty', 'no regular file'],
  ['link to itself', 'ELOOP'],
  ['UTF-16', 'UTF-8'],
  ['Latin-1', 'UTF-8'],
  ['a gigabyte of holes', 'too large'],
];

/** Variables of the suite's families that exist nowhere, with what was perhaps meant. */
export const UNKNOWN: [name: string, near: string][] = [
  ['B200_DETERMINISIM', 'B200_DETERMINISM'],
  ['B200_GUARD_ORDER', 'B200_GUARDS_ORDER'],
  ['B200_GUARDS', 'docs/settings.md'],
  ['INVARLOCK_TEIR', 'INVARLOCK_TIER'],
  ['INVARLOCK_BOOTSTRAP', 'INVARLOCK_BOOTSTRAP_N'],
  ['INVARLOCK_PM_ACCEPTANCE_MX', 'INVARLOCK_PM_ACCEPTANCE_MAX'],
  ['INVARLOCK_STORE_EVAL_WINDOWS', 'not passed on'],
  ['INVARLOCK_PM_DRIFT_MAX', 'INVARLOCK'],
  ['INVARLOCK_', 'Did you mean'],
  ['VALIDATION_STRATAGY', 'VALIDATION_STRATEGY'],
  ['VALIDATION_GPU_SHARE', 'VALIDATION_GPU_SHARING'],
  ['VALIDATION_LOCKDIR', 'VALIDATION_LOCK_DIR'],
  ['VALIDATION_FROBNICATE_EVERYTHING', 'docs/settings.md'],
  ['validation_strategy', 'VALIDATION_STRATEGY'],
  ['VALIDATION_PYTHON', 'VALIDATION_PYTHON_WARM'],
  ['TASK_TIMEOUT', 'docs/settings.md'],
  ['TASK_TIMEOUT_', 'docs/settings.md'],
  ['TASK_TIMEOUT_eval', 'TASK_TIMEOUT'],
  ['TASK_TIMEOUT_CERTIFI', 'TASK_TIMEOUT_CERTIFY'],
  ['TASK_TIMEOUT_SETUPS', 'TASK_TIMEOUT_SETUP'],
  ['LMEVAL_TORCH_COMPIL', 'LMEVAL_TORCH_COMPILE'],
  ['LM_EVAL_PARALLELISE', 'LM_EVAL_PARALLELIZE'],
  ['EVAL_BATCH_SIZE_SMAL', 'EVAL_BATCH_SIZE_SMALL'],
  ['EDIT_TYPES_CLEANS', 'EDIT_TYPES_CLEAN'],
  ['DRIFT_CALIBRATION_RUN', 'DRIFT_CALIBRATION_RUNS'],
  ['MODEL_9', 'MODEL_'],
  ['GPU_MIN_FREE_GIB', 'GPU_MIN_FREE_GB'],
  ['GPU_REQUIRED_IDLE', 'GPU_REQUIRE_IDLE'],
  ['GPU_MEMORY_GIB', 'GPU_MEMORY_GB'],
  ['EVALS_OVERHEAD_GB', 'EVAL_OVERHEAD_GB'],
  ['RESUME_MODES', 'RESUME_MODE'],
];

/** Settings that cannot hold together: variables, site.yaml, and both names that the sentence must have. */
export const CONTRADICTIONS: [environment: Record<string, string>, site: string, names: [string, string]][] = [
  [{ VALIDATION_GPU_SHARING: 'memory', GPU_REQUIRE_IDLE: 'true' }, '', ['VALIDATION_GPU_SHARING', 'GPU_REQUIRE_IDLE']],
  [{ VALIDATION_GPU_SHARING: 'memory' }, 'gpus: { require_idle: true }', ['VALIDATION_GPU_SHARING', 'gpus.require_idle']],
  [{ CUDA_VISIBLE_DEVICES: '' }, 'accelerator: cuda', ['CUDA_VISIBLE_DEVICES', 'accelerator']],
  [{ NUM_GPUS: '0' }, 'accelerator: cuda', ['NUM_GPUS', 'accelerator']],
  [{ GPU_MEMORY_GB: '80', GPU_MEMORY_PER_DEVICE: '90' }, '', ['GPU_MEMORY_GB', 'GPU_MEMORY_PER_DEVICE']],
  [{}, 'retries: { backoff_s: 400, backoff_max_s: 300 }', ['retries.backoff_s', 'retries.backoff_max_s']],
  [{ VALIDATION_LOCK_DIR: '/x', VALIDATION_WEIGHTS_STORE: '/x' }, '', ['VALIDATION_LOCK_DIR', 'VALIDATION_WEIGHTS_STORE']],
  [{ OUTPUT_DIR: '/x' }, 'storage: { root: /x }', ['OUTPUT_DIR', 'storage.root']],
  [{ OUTPUT_DIR: '/x', VALIDATION_LOCK_DIR: '/x' }, '', ['OUTPUT_DIR', 'VALIDATION_LOCK_DIR']],
]; // prettier-ignore

/** site.yaml, as hostile. */
export const SITES: [what: string, text: string, words: string][] = [
  ['a circle', 'gpus: &g { ids: *g }', 'without end'],
  ['a circle in a list', 'gpus: { ids: &i [*i] }', 'without end'],
  ['10,000 lists in each other', `gpus: ${nested('[', ']', 10_000)}`, 'deep'],
  ["another's home", 'storage: { root: ~bob/weights }', '~ at its beginning is your home'],
  ['a directory of two lines', 'storage: { root: "a\\nb" }', 'a directory'],
  ['a prototype', '__proto__: { x: 1 }', 'unknown setting'],
  ['an accelerator that is null', 'accelerator:', 'empty'],
  ['infinite patience', 'timeouts: { default_s: .inf }', 'a number'],
];

/** Ratios with which a flag that says pass is none. */
export const RATIOS = ['NaN', 'Infinity', '-Infinity', '-1', '-0.0', '0', 'null'];
