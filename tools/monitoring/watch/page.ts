// The live page: its frame, which the script fills. In the report's style, which whoever serves it hands in.
import { SCRIPT } from './script.js';

const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";

const OWN_STYLE = `
progress { width: 100%; height: 1.1rem; accent-color: var(--c1); }
#lost:empty { display: none; } #lost { border-left: 8px solid var(--bad); padding: 0.5rem 0.8rem; background: var(--panel); max-width: none; }
td { overflow-wrap: anywhere; min-width: 4.5rem; }
#lanes td:nth-child(2), #waiting td:not(:nth-child(2)), #failed td, #faults td:nth-child(2), #faults td:nth-child(3) { min-width: 10rem; }
`;

interface Table {
  id: string;
  title: string;
  columns: readonly string[];
}

const TABLES: readonly Table[] = [
  { id: 'lanes', title: 'Running', columns: ['Lane', 'Cell', 'For', 'Memory used', 'Attempt'] },
  { id: 'waiting', title: 'Waiting, the next first', columns: ['Cell', 'For', 'Why'] },
  { id: 'failed', title: 'Failed', columns: ['Cell', 'Why'] },
  { id: 'faults', title: 'Last faults', columns: ['At (UTC)', 'Cell', 'What', 'Then'] },
];

/** `suite` is a name of `a-z`, digits and dashes; nothing else of it stands in the page before the script fills it. */
export function livePage(suite: string, style: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta http-equiv="Content-Security-Policy" content="${POLICY}" />
<link rel="icon" href="data:," />
<title>${suite}</title>
<style>${style}${OWN_STYLE}</style>
</head>
<body>
<header class="top"><div><h1>${suite}: live</h1><nav aria-label="Sections">${TABLES.map(({ id, title }) => `<a href="#${id}-section">${title.split(',')[0] ?? ''}</a>`).join('')}</nav><button type="button" id="theme" class="plain">Dark theme</button></div></header>
<main>
<p id="lost" role="alert"></p>
<section class="banner" aria-label="Summary">
<p class="kicker">as of <span id="at">…</span></p>
<p class="verdict" id="done" aria-live="polite">…</p>
<progress id="bar" max="1" value="0" aria-labelledby="done"></progress>
<p id="rest"></p>
<p id="left"></p>
<ul id="warnings" hidden></ul>
<p><a id="report" href="files/reports/report.html" hidden>The report</a> <span id="report-at"></span></p>
<noscript><p>This page is filled by its script. Without one: npx nx run ${suite}:status</p></noscript>
</section>
${TABLES.map(tableSection).join('\n')}
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function tableSection({ id, title, columns }: Table): string {
  const head = columns.map((name) => `<th scope="col">${name}</th>`).join('');
  return `<section id="${id}-section"><h2>${title}</h2><div class="scroll" tabindex="0" role="region" aria-label="${title}"><table class="wide" id="${id}"><thead><tr>${head}</tr></thead><tbody></tbody></table></div></section>`;
}
