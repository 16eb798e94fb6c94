// The live page's script: asks every two seconds, and puts what comes into the tables as text, never as markup.
export const SCRIPT = `
'use strict';
(() => {
  const root = document.documentElement;
  const find = (id) => document.getElementById(id);
  const put = (id, text) => { const at = find(id); if (at.textContent !== text) at.textContent = text; };
  const duration = (seconds) => {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 60) return s + ' s';
    const two = (n) => String(n).padStart(2, '0');
    if (s < 3600) return Math.floor(s / 60) + ' min ' + two(s % 60) + ' s';
    if (s < 86400) return Math.floor(s / 3600) + ' h ' + two(Math.floor((s % 3600) / 60)) + ' min';
    return Math.floor(s / 86400) + ' d ' + two(Math.floor((s % 86400) / 3600)) + ' h';
  };
  const rows = (id, of, nothing) => {
    const body = find(id).tBodies[0];
    const lines = of.length > 0 ? of : [[nothing]];
    const now = JSON.stringify(lines);
    if (body.dataset.shown === now) return;
    body.dataset.shown = now;
    const columns = find(id).tHead.rows[0].cells.length;
    body.replaceChildren(...lines.map((cells) => {
      const row = document.createElement('tr');
      for (const text of cells) {
        const cell = document.createElement('td');
        cell.textContent = text;
        if (of.length === 0) { cell.colSpan = columns; cell.className = 'muted'; }
        row.append(cell);
      }
      return row;
    }));
  };
  const gib = (value) => value === null ? '' : value.toFixed(1) + ' GiB';
  const show = ({ status, progress, faults, reportAt }) => {
    const { cells, timeLeft, gpus, cpu, jobs, waiting, warnings, failed, workspace, at } = status;
    put('done', progress.text);
    put('rest', progress.open === '' ? 'nothing else is open' : progress.open);
    put('left', timeLeft === null ? (cells.failed > 0 ? 'nothing is left but what failed and what waits for it' : 'nothing is left to run')
      : (cells.running + cells.waiting > 0 ? 'time left: at least ' : 'none of it is running; it would take at least ') + duration(timeLeft.seconds)
        + (timeLeft.estimated > 0 ? ', ' + timeLeft.estimated + ' of ' + timeLeft.cells + ' cells by a rough estimate' : ''));
    const bar = find('bar');
    bar.max = Math.max(1, progress.total);
    bar.value = progress.finished;
    put('at', at.slice(0, 19).replace('T', ' ') + ' UTC');
    document.title = progress.finished + '/' + progress.total + ' ' + status.suite;
    const from = (of) => of.workspace === workspace ? of.cell : of.cell + ' (run of ' + of.workspace + ')';
    const holder = (name, one, memory) => [name, from(one), duration(one.elapsedSeconds), memory, 'attempt ' + one.attempt + (one.concerns.length > 0 ? '; ' + one.concerns.join('; ') : '')];
    rows('lanes', [
      ...gpus.flatMap((lane) => {
        const memory = lane.usedGiB === null ? '' : gib(lane.usedGiB) + ' of ' + gib(lane.totalGiB);
        return lane.holders.length === 0 ? [[lane.name, lane.closed === null ? 'free' : 'closed: ' + lane.closed, '', memory, '']]
          : lane.holders.map((one) => holder(lane.name, one, memory));
      }),
      ...cpu.holders.map((one) => holder('CPU', one, '')),
      ...(cpu.free > 0 || gpus.length === 0 ? [['CPU', cpu.free + ' of ' + cpu.slots + ' slots free', '', '', '']] : []),
      ...jobs.filter(({ state }) => state === 'running').map((one) => ['job ' + one.job, from(one), duration(one.elapsedSeconds), '', 'on ' + one.node + ', attempt ' + one.attempt]),
    ], 'nothing runs');
    rows('waiting', [
      ...waiting.map((one) => [from(one), duration(one.waitedSeconds), one.reason]),
      ...jobs.filter(({ state }) => state === 'waiting').map((one) => [from(one), duration(one.elapsedSeconds), one.reason]),
    ], 'nothing waits');
    rows('failed', failed.map(({ cell, why }) => [cell, why]), 'no cell has failed');
    rows('faults', faults.map(({ at, cell, code, message, again }) => [at.slice(0, 19).replace('T', ' '), cell, code + ': ' + message.split('\\n')[0], again ? 'tried again' : 'for good']), 'nothing went wrong');
    find('warnings').replaceChildren(...warnings.map((text) => { const item = document.createElement('li'); item.textContent = text; return item; }));
    find('warnings').hidden = warnings.length === 0;
    find('report').hidden = reportAt === null;
    put('report-at', reportAt === null ? 'There is no report yet: it is made when a run ends.' : 'as of ' + reportAt.slice(0, 19).replace('T', ' ') + ' UTC; it is made anew when a run ends.');
    root.dataset.ready = '';
  };
  let lost = false;
  const ask = async () => {
    try {
      const response = await fetch('status.json', { cache: 'no-store' });
      if (!response.ok) throw new Error(await response.text());
      show(await response.json());
      lost = false;
      put('lost', '');
    } catch (error) {
      // TypeError: nobody answers.
      const why = error instanceof TypeError ? 'The command was ended, or cannot be reached.' : String(error.message);
      if (!lost) put('lost', why + ' What is below is from before.');
      lost = true;
    }
    setTimeout(ask, 2000);
  };
  const button = find('theme');
  const isDark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const label = () => { button.textContent = isDark() ? 'Light theme' : 'Dark theme'; };
  button.addEventListener('click', () => { root.dataset.theme = isDark() ? 'light' : 'dark'; label(); });
  label();
  ask();
})();
`;
