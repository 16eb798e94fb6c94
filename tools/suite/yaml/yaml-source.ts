// A YAML text with the place of everything in it.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';
import { messageOf } from '../../base/message.js';
import type { Diagnostic } from './diagnostic.js';

export type Path = readonly PropertyKey[];

export interface Place {
  line: number;
  col: number;
}

export interface YamlSource {
  /** Workspace-relative, as messages name it. */
  file: string;
  value: unknown;
  /** Where the value of a path stands; of what is missing, where its nearest ancestor stands. */
  placeOf(path: Path): Place;
  /** Where the key itself stands. */
  placeOfKey(path: Path, key: string): Place;
  /** The environment variable that stands over the file there, if one does (identity.ts). */
  origin?: (path: Path) => string | undefined;
}

const TOO_LARGE = 1 << 20;
/** Levels of lists and mappings in each other: a suite has seven. Some thousand more end in the parser's own stack. */
const DEEPEST = 64;

/** Parses one YAML document. Syntax errors, doubled keys and unknown tags are mistakes; the value is what could be read. */
export function parseYaml(file: string, text: string): { source: YamlSource; diagnostics: Diagnostic[] } {
  const lines = new LineCounter();
  const refusal = text.length > TOO_LARGE ? `longer than ${TOO_LARGE} characters` : undefined;
  const { document, error } = parseGuarded(refusal === undefined ? text : '', lines);
  const place = (offset: number | undefined): Place => {
    if (offset === undefined || offset === 0) return { line: 1, col: 1 };
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), col: Math.max(1, col) };
  };
  const diagnostics: Diagnostic[] = [
    ...[...document.errors, ...document.warnings].map((error) => ({
      file,
      ...place(error.pos[0]),
      message: meaningOf(error),
    })),
    ...unusableNodes(document).map(({ offset, problem }) => ({ file, ...place(offset), message: problem })),
  ];
  for (const message of [refusal, error]) {
    if (message !== undefined) diagnostics.push({ file, line: 1, col: 1, message });
  }
  const read = diagnostics.length === 0 ? toValue(document) : { ok: true as const, value: undefined };
  if (!read.ok) diagnostics.push({ file, line: 1, col: 1, message: `not valid YAML: ${read.error}` });
  const source: YamlSource = {
    file,
    value: read.ok ? read.value : undefined,
    placeOf: (path) => place(nodeAt(document, path).range?.[0]),
    placeOfKey: (path, key) => {
      const node = nodeAt(document, path);
      const pair = isMap(node)
        ? node.items.find((item) => isScalar(item.key) && item.key.value === key)
        : undefined;
      return place((pair?.key as Node | undefined)?.range?.[0] ?? node.range?.[0]);
    },
  };
  return { source, diagnostics };
}

function meaningOf({ code, message }: YAMLError): string {
  // Of what is nested deeper than its own stack the parser says so.
  if (code === 'RESOURCE_EXHAUSTION') return TOO_DEEP;
  return `not valid YAML: ${code === 'MULTIPLE_DOCS' ? 'a second document begins here' : message}`;
}

/** The document; an empty one, and why, for a text that the parser itself cannot take. */
function parseGuarded(text: string, lineCounter: LineCounter): { document: Document; error?: string } {
  const options = { lineCounter, prettyErrors: false, stringKeys: true } as const;
  try {
    return { document: parseDocument(text, options) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { document: parseDocument('', options), error: TOO_DEEP };
  }
}

const TOO_DEEP = `lists and mappings in each other, more than ${DEEPEST} deep`;

/** What is well-formed YAML and stands for no value: aliases of nothing and of what they are in, and endless nesting. */
function unusableNodes(document: Document): { offset: number | undefined; problem: string }[] {
  const found: { offset: number | undefined; problem: string }[] = [];
  const inAlias = (alias: Alias, path: readonly unknown[]): void => {
    const target = alias.resolve(document);
    const name = JSON.stringify(alias.source);
    const problem =
      target === undefined
        ? `not valid YAML: no anchor named ${name} stands before this alias`
        : path.includes(target)
          ? `alias ${name} stands inside what it stands for, without end`
          : undefined;
    if (problem !== undefined) found.push({ offset: alias.range?.[0], problem });
  };
  const inCollection = (node: Node, path: readonly unknown[]): symbol | undefined => {
    if (path.filter((one) => isMap(one) || isSeq(one)).length < DEEPEST) return undefined;
    found.push({ offset: node.range?.[0], problem: TOO_DEEP });
    return visit.BREAK;
  };
  visit(document, {
    Alias: (_, alias, path) => {
      inAlias(alias, path);
    },
    Collection: (_, node, path) => inCollection(node, path),
  });
  return found;
}

function toValue(document: Document): { ok: true; value: unknown } | { ok: false; error: string } {
  try {
    return { ok: true, value: document.toJS() as unknown };
  } catch (error) {
    // Aliases that multiply without end.
    return { ok: false, error: messageOf(error) };
  }
}

function nodeAt(document: Document, path: Path): Pick<Node, 'range'> {
  let node: unknown = document.contents;
  for (const key of path) {
    const target = isAlias(node) ? node.resolve(document) : node;
    const next: unknown = isMap(target) || isSeq(target) ? target.get(String(key), true) : undefined;
    if (next === undefined || next === null) break;
    node = next;
  }
  return node ?? { range: [0, 0, 0] };
}
