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
} from 'yaml';
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

/** Parses one YAML document. Syntax errors, doubled keys and unknown tags are mistakes; the value is what could be read. */
export function parseYaml(file: string, text: string): { source: YamlSource; diagnostics: Diagnostic[] } {
  const lines = new LineCounter();
  const tooLarge = text.length > TOO_LARGE;
  const document = parseDocument(tooLarge ? '' : text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
  });
  const place = (offset: number | undefined): Place => {
    if (offset === undefined || offset === 0) return { line: 1, col: 1 };
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), col: Math.max(1, col) };
  };
  const diagnostics: Diagnostic[] = [
    ...[...document.errors, ...document.warnings].map((error) => ({
      file,
      ...place(error.pos[0]),
      message: `not valid YAML: ${error.code === 'MULTIPLE_DOCS' ? 'a second document begins here' : error.message}`,
    })),
    ...danglingAliases(document).map(({ source: name, range }) => ({
      file,
      ...place(range?.[0]),
      message: `not valid YAML: no anchor named ${JSON.stringify(name)} stands before this alias`,
    })),
  ];
  if (tooLarge) diagnostics.push({ file, line: 1, col: 1, message: `longer than ${TOO_LARGE} characters` });
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

function danglingAliases(document: Document): Alias[] {
  const found: Alias[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) === undefined) found.push(alias);
    },
  });
  return found;
}

function toValue(document: Document): { ok: true; value: unknown } | { ok: false; error: string } {
  try {
    return { ok: true, value: document.toJS() as unknown };
  } catch (error) {
    // Aliases that multiply without end.
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
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
