// What the suite's own task files say of themselves: code that they run, and how much they have a model write.
import { asMapping } from '../../base/json-value.js';
import type { Suite } from '../model/suite.js';
import type { Diagnostic } from '../yaml/diagnostic.js';
import { diagnosticAt } from '../yaml/diagnostics.js';
import type { YamlSource } from '../yaml/yaml-source.js';
import type { TaskFiles, TaskMapping } from './task-includes.js';

/** As lm-eval has it where a task says nothing. */
const MAX_TOKENS = 256;

/** Includes that lead nowhere; and Python that task files name (`!function`), which runs only where suite.yaml says so. */
export function taskFileProblems(
  source: YamlSource,
  { trustTaskCode }: Suite,
  { code, problems }: TaskFiles,
): Diagnostic[] {
  const at = ['evaluation', 'tasks'];
  const said = problems.map((problem) => diagnosticAt(source, at, problem));
  if (trustTaskCode || code.size === 0) return said;
  const named = [...code].map(([path, tags]) => `${path} (${tags.join(', ')})`);
  const message = `runs Python: ${named.join('; ')}. Read it, then allow it: evaluation: { trust_task_code: true }`;
  return [...said, diagnosticAt(source, at, message)];
}

/** Tokens that a model writes for an item at most, by task; of tasks that ask for texts alone. */
export function generatedTokens(files: readonly TaskMapping[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const raw of files) {
    if (typeof raw.task !== 'string' || raw.output_type !== 'generate_until') continue;
    const asked = asMapping(raw.generation_kwargs) ?? {};
    const most = asked.max_gen_toks ?? asked.max_new_tokens ?? asked.max_tokens;
    found.set(raw.task, typeof most === 'number' && most > 0 ? most : MAX_TOKENS);
  }
  return found;
}
