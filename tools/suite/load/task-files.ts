// What the suite's own task files say of themselves: code that they run, and how much they have a model write.
import { parseDocument, visit } from 'yaml';
import { asMapping } from '../../base/json-value.js';
import type { Suite } from '../model/suite.js';
import type { Diagnostic } from '../yaml/diagnostic.js';
import { diagnosticAt } from '../yaml/diagnostics.js';
import type { YamlSource } from '../yaml/yaml-source.js';
import type { Input } from './input.js';

type Files = ReadonlyMap<string, string>;

/** As lm-eval has it where a task says nothing. */
const MAX_TOKENS = 256;

/** Python that task files name (`!function`) runs only where suite.yaml says that it may. */
export function taskCodeProblems(
  source: YamlSource,
  { tasks, trustTaskCode }: Suite,
  readPath: (path: string) => Input,
): Diagnostic[] {
  const directory = tasks === undefined || trustTaskCode ? undefined : readPath(tasks);
  if (tasks === undefined || directory?.kind !== 'directory') return [];
  const code = [...directory.yamlFiles()].flatMap(([path, text]) => {
    const named = functionsOf(text);
    return named.length === 0 ? [] : [`${tasks}/${path} (${named.join(', ')})`];
  });
  if (code.length === 0) return [];
  const message = `runs Python: ${code.join('; ')}. Read it, then allow it: evaluation: { trust_task_code: true }`;
  return [diagnosticAt(source, ['evaluation', 'tasks'], message)];
}

function functionsOf(text: string): string[] {
  const found = new Set<string>();
  visit(parseDocument(text, { logLevel: 'silent' }), {
    Node(_, node) {
      const { tag, value } = node as { tag?: string; value?: unknown };
      if (tag !== undefined && /^!(?!!)\w/.test(tag)) found.add(`${tag} ${String(value)}`);
    },
  });
  return [...found];
}

/** Tokens that a model writes for an item at most, by task; of tasks that ask for texts alone. */
export function generatedTokens(files: Files): Map<string, number> {
  const found = new Map<string, number>();
  for (const text of files.values()) {
    let raw: Record<string, unknown> | undefined;
    try {
      raw = asMapping(parseDocument(text, { logLevel: 'silent' }).toJS());
    } catch {
      continue; // the evaluation says what is wrong with it
    }
    if (typeof raw?.task !== 'string' || raw.output_type !== 'generate_until') continue;
    const asked = asMapping(raw.generation_kwargs) ?? {};
    const most = asked.max_gen_toks ?? asked.max_new_tokens ?? asked.max_tokens;
    found.set(raw.task, typeof most === 'number' && most > 0 ? most : MAX_TOKENS);
  }
  return found;
}
