// The results of a suite as one zip: each file is read once, looked through for secrets, and packed. A secret ends it with
// where it stands, and nothing is written.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NoPlainFile, readRegular } from '../../base/files.js';
import { messageOf } from '../../base/message.js';
import { sizeText } from '../../base/units.js';
import { suiteDirectory } from '../../suite/model/paths.js';
import type { Findings } from '../analysis/findings.js';
import type { PlannedCell } from '../read/expected.js';
import { reportFor, reportPath } from '../report/make-report.js';
import { contentsJson, listed, readMe, type Listed } from './contents.js';
import { destination, shown, type Place } from './destination.js';
import { homeLines, overview, redactedLines, refusalLines, type PlacedSecret } from './lines.js';
import { findSecrets, homeForm, withoutSecrets, type FoundSecret } from './secrets.js';
import { LARGEST_FILE, selectFiles, type LeftOut, type SelectedFile } from './select.js';
import { noonOf, writeZip, type AddEntry } from './zip.js';

export interface ExportRequest extends Place {
  findings: Findings;
  cells: readonly PlannedCell[];
  dryRun?: boolean;
  /** Stars in the place of secrets, where they would else end the export. */
  redact?: boolean;
  /** The user's home, for tests. */
  home?: string;
}

export interface Exported {
  lines: string[];
  /** False: secrets were found, and nothing was written. */
  success: boolean;
}

/** Compressed themselves: nothing can be read in them. */
const OPAQUE = /\.(parquet|png|gz|zip)$/;

interface Sent {
  files: Listed[];
  secrets: PlacedSecret[];
  /** Files whose bytes a receipt vouches for, with the user's home in them. */
  homes: string[];
}

/** @throws Error for a place that cannot take the zip, a file that cannot be read, a disk without room. */
export async function exportSuite(request: ExportRequest): Promise<Exported> {
  const { workspaceRoot, suite, findings, dryRun = false } = request;
  const out = destination(request);
  const root = join(workspaceRoot, 'output', suite);
  const { files, leftOut } = selectFiles(root);
  const asOf = findings.records
    .map(({ endedAt }) => endedAt)
    .sort()
    .at(-1);
  const page = await reportPage(request, files);
  const look = (add: AddEntry): Sent => sendAll(request, files, page, { asOf, leftOut }, add);
  if (dryRun) {
    const { secrets, homes, files: sent } = look(() => undefined);
    const lines = [
      ...overview(sent, leftOut),
      `It would be ${shown(workspaceRoot, out)}`,
      ...homeLines(homes),
    ];
    if (isRefused(secrets, request)) return { lines: refusalLines(suite, secrets), success: false };
    return { lines: [...lines, 'Nothing was written.'], success: true };
  }
  let sent: Sent = { files: [], secrets: [], homes: [] };
  try {
    const bytes = writeZip(out, noonOf(asOf), (add) => {
      sent = look(add);
      if (isRefused(sent.secrets, request)) throw new Refused();
    });
    const lines = [
      ...overview(sent.files, leftOut),
      ...homeLines(sent.homes),
      ...redactedLines(sent.secrets),
    ];
    return { lines: [...lines, `${shown(workspaceRoot, out)}: ${sizeText(bytes)}`], success: true };
  } catch (error) {
    if (error instanceof Refused) return { lines: refusalLines(suite, sent.secrets), success: false };
    throw new Error(`${shown(workspaceRoot, out)} was not written: ${messageOf(error)}`, { cause: error });
  }
}

class Refused extends Error {}

function isRefused(secrets: readonly PlacedSecret[], { redact = false }: ExportRequest): boolean {
  return secrets.length > 0 && !redact;
}

/** The page for those who have the zip and nothing else: what is not in it is no link. */
async function reportPage(
  { workspaceRoot, suite, findings, cells, home }: ExportRequest,
  files: readonly SelectedFile[],
) {
  const inside = new Set(files.map(({ path }) => `output/${suite}/${path}`));
  const form = homeForm(home);
  const raw: string[] = [];
  const page = (redact: boolean): Promise<string> =>
    reportFor(workspaceRoot, findings, cells, {
      isThere: (path) => inside.has(path),
      last: (text) => {
        const short = form === undefined ? text : text.replace(form, '~');
        raw.push(short);
        return redact ? withoutSecrets(short) : short;
      },
    });
  const text = await page(false);
  const secrets = raw.flatMap((each) => findSecrets(each));
  return { text: secrets.length === 0 ? text : await page(true), secrets };
}

interface Around {
  asOf: string | undefined;
  leftOut: readonly LeftOut[];
}

function sendAll(
  request: ExportRequest,
  files: readonly SelectedFile[],
  page: { text: string; secrets: readonly FoundSecret[] },
  around: Around,
  add: AddEntry,
): Sent {
  const { workspaceRoot, suite, cells } = request;
  const sent: Sent = { files: [], secrets: [], homes: [] };
  const put = (path: string, bytes: Buffer, changes: readonly string[] = []): void => {
    add(`${suite}/${path}`, bytes);
    sent.files.push(listed(path, bytes, changes));
  };
  const vouched = new Set(
    cells.flatMap(({ parts }) =>
      parts.flatMap(({ writes, receipt }) => [...writes.map(({ path }) => path), receipt]),
    ),
  );
  const form = homeForm(request.home);
  put('README.txt', Buffer.from(readMe({ suite, files: [], ...around })));
  const yaml = `${suiteDirectory(suite)}/suite.yaml`;
  const all = [
    ...files.map(({ path }) => ({ path, from: `output/${suite}/${path}` })),
    ...(existsSync(join(workspaceRoot, yaml)) ? [{ path: 'suite.yaml', from: yaml }] : []),
  ];
  for (const { path, from } of all) {
    if (from === reportPath(suite)) {
      sent.secrets.push(...page.secrets.map((each) => ({ ...each, path: from })));
      put(path, Buffer.from(page.text), page.secrets.length === 0 ? [] : [STARRED]);
      continue;
    }
    const bytes = readOf(workspaceRoot, from);
    if (OPAQUE.test(path)) {
      put(path, bytes);
      continue;
    }
    const cleaned = clean(bytes, vouched.has(from), form);
    sent.secrets.push(...cleaned.secrets.map((each) => ({ ...each, path: from })));
    if (cleaned.keepsHome) sent.homes.push(from);
    put(path, cleaned.bytes, cleaned.changes);
  }
  const contents = { suite, ...around, files: [...sent.files] };
  add(`${suite}/contents.json`, Buffer.from(contentsJson(contents)));
  return sent;
}

const STARRED = 'secrets are stars';

interface Cleaned {
  bytes: Buffer;
  secrets: FoundSecret[];
  changes: string[];
  keepsHome: boolean;
}

/** What a receipt vouches for keeps its bytes, unless they hold a secret. */
function clean(bytes: Buffer, vouched: boolean, home: RegExp | undefined): Cleaned {
  const secrets = findSecrets(bytes.toString());
  const shorn = secrets.length === 0 ? bytes : Buffer.from(withoutSecrets(bytes.toString()));
  const changes = secrets.length === 0 ? [] : [STARRED];
  // One character a byte, so that what is no text stays as it is.
  const text = shorn.toString('latin1');
  const isNamed = home !== undefined && text.search(home) >= 0;
  if (!isNamed || vouched) return { bytes: shorn, secrets, changes, keepsHome: isNamed };
  const short = Buffer.from(text.replace(home, '~'), 'latin1');
  return { bytes: short, secrets, changes: [...changes, 'the home directory is ~'], keepsHome: false };
}

function readOf(workspaceRoot: string, path: string): Buffer {
  try {
    return readRegular(join(workspaceRoot, path), LARGEST_FILE);
  } catch (error) {
    const why = error instanceof NoPlainFile ? error.message : messageOf(error);
    throw new Error(`${path}: ${why}. If a run is going on, try again`, { cause: error });
  }
}
