// One process of the report benchmark: analysis, report, and both again; prints milliseconds, bytes and peak memory.
import { statSync } from 'node:fs';
import { join } from 'node:path';

const [root, planFile] = process.argv.slice(2);
const { readFileSync } = await import('node:fs');
const { plan, cells } = JSON.parse(readFileSync(planFile, 'utf8'));
const began = performance.now();
const { writeVerdict } = await import('../tools/dist/results/write.js');
const { makeReport } = await import('../tools/dist/results/report/make-report.js');
const imported = performance.now();
const written = await writeVerdict({ workspaceRoot: root, plan });
const analysed = performance.now();
const { path } = await makeReport(root, written.findings, cells);
const reported = performance.now();
const again = await writeVerdict({ workspaceRoot: root, plan });
const unchanged = await makeReport(root, again.findings, cells);
const ended = performance.now();
if (!written.complete || unchanged.changed) throw new Error('the run is not whole, or its report changed');
console.log(
  JSON.stringify({
    ...{ imports: imported - began, analysis: analysed - imported, report: reported - analysed },
    ...{ again: ended - reported, total: reported - began },
    ...{ bytes: statSync(join(root, path)).size, rss: process.resourceUsage().maxRSS * 1024 },
  }),
);
