// A local corpus: one JSON line is one window, so there must be as many good ones as the runs will read.

export interface CorpusNeed {
  lines: number;
  /** Why so many, for the message. */
  reason: string;
}

/** What is wrong with the first `need.lines` lines that are not blank, as whole sentences. */
export function corpusProblems(file: string, text: string, field: string, need: CorpusNeed): string[] {
  const lines: [number, string][] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() !== '') lines.push([index + 1, line]);
    if (lines.length === need.lines) break;
  }
  const problems: string[] = [];
  if (lines.length < need.lines) {
    problems.push(`${file} has ${lines.length} lines, ${need.lines} are needed: ${need.reason}`);
  }
  const firstLine = new Map<string, number>();
  for (const [number, line] of lines) {
    const problem = lineProblem(line, field, number, firstLine);
    // One bad line tells of the rest; a corpus of the wrong shape would fill the screen.
    if (problem !== undefined) return [...problems, `${file}:${number}: ${problem}`];
  }
  return problems;
}

function lineProblem(
  line: string,
  field: string,
  number: number,
  firstLine: Map<string, number>,
): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'not a line of JSON';
  }
  const text: unknown =
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;
  if (typeof text !== 'string' || text.trim() === '') return `no text under ${JSON.stringify(field)}`;
  const before = firstLine.get(text);
  if (before !== undefined) return `the same text as line ${before}; InvarLock counts each text once`;
  firstLine.set(text, number);
  return undefined;
}
