// The report's own script, as it runs in the page: sorting, finding, theme, copying. Everything is readable without it.

export const SCRIPT = `
'use strict';
(() => {
  const root = document.documentElement;
  const stored = (value) => {
    // Storage may be closed to a page opened as a file.
    try { return value === undefined ? localStorage.getItem('report-theme') : localStorage.setItem('report-theme', value); }
    catch { return null; }
  };
  const saved = stored();
  if (saved === 'light' || saved === 'dark') root.dataset.theme = saved;
  const themeButton = document.querySelector('#theme');
  const isDark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const label = () => { themeButton.textContent = isDark() ? 'Light' : 'Dark'; };
  themeButton.hidden = false;
  themeButton.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    stored(root.dataset.theme);
    label();
  });
  label();

  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.sort ?? cell.textContent.trim();
    return value;
  };
  /** Numbers before text; what is empty stands last in either direction. */
  const order = (a, b) => {
    const x = Number(a), y = Number(b);
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return a < b ? -1 : a > b ? 1 : 0;
  };
  for (const table of document.querySelectorAll('table[data-sortable]')) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => {
        const sign = head.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
        for (const other of heads) other.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', sign === 1 ? 'ascending' : 'descending');
        const rows = [...table.tBodies[0].rows];
        const keyed = rows.map((row) => [key(row, column), row]);
        keyed.sort(([a], [b]) => (a === '') !== (b === '') ? (a === '' ? 1 : -1) : sign * order(a, b));
        table.tBodies[0].append(...keyed.map(([, row]) => row));
      });
    });
  }

  for (const input of document.querySelectorAll('input[data-finds]')) {
    input.hidden = false;
    const table = document.getElementById(input.dataset.finds);
    const rows = [...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]);
    const said = document.getElementById(input.dataset.finds + '-count');
    input.addEventListener('input', () => {
      const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean);
      let shown = 0;
      for (const [row, text] of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) shown += 1;
      }
      said.textContent = words.length === 0 ? '' : shown + ' of ' + rows.length;
    });
  }

  const filter = document.querySelector('#matrix-filter');
  if (filter) {
    filter.hidden = false;
    const [words, mistakes] = filter.querySelectorAll('input');
    const status = filter.querySelector('[role=status]');
    const rows = [...document.querySelectorAll('.matrix tbody tr')];
    const narrow = () => {
      const wanted = words.value.toLowerCase().split(/\\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows.filter((one) => !one.classList.contains('group'))) {
        const text = row.textContent.toLowerCase();
        row.hidden = (mistakes.checked && !('mistake' in row.dataset)) || !wanted.every((word) => text.includes(word));
        if (!row.hidden) shown += 1;
      }
      rows.forEach((row, index) => {
        if (!row.classList.contains('group')) return;
        const rest = rows.slice(index + 1);
        const next = rest.findIndex((one) => one.classList.contains('group'));
        row.hidden = (next < 0 ? rest : rest.slice(0, next)).every((one) => one.hidden);
      });
      const all = rows.filter((one) => !one.classList.contains('group')).length;
      status.textContent = shown === all ? '' : shown + ' of ' + all;
    };
    words.addEventListener('input', narrow);
    mistakes.addEventListener('change', narrow);
    // Within its kind, the worst first; rows without the figure stand last.
    const [sorted] = filter.querySelectorAll('select');
    const listed = [...rows];
    sorted.addEventListener('change', () => {
      const kinds = [];
      for (const row of listed) {
        if (row.classList.contains('group')) kinds.push([row, []]);
        else kinds.at(-1)[1].push(row);
      }
      const figure = (row) => {
        const text = row.dataset[sorted.value];
        return text === undefined || text === '' ? -Infinity : Number(text);
      };
      const all = kinds.flatMap(([head, own]) => [head, ...(sorted.value === '' ? own : own.toSorted((a, b) => figure(b) - figure(a) || 0))]);
      rows.splice(0, rows.length, ...all);
      rows.forEach((row) => row.parentElement.append(row));
    });
  }

  // The link of a panel opens it.
  const openLinked = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    target?.matches('.matrix td') && target.querySelector('button')?.popoverTargetElement?.showPopover();
  };
  addEventListener('hashchange', openLinked);
  openLinked();

  document.addEventListener('click', async (event) => {
    const button = event.target.closest?.('button[data-copy]');
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = 'Copied';
    } catch {
      const selection = getSelection();
      selection.selectAllChildren(button.parentElement.querySelector('code'));
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  for (const button of document.querySelectorAll('button[data-copy]')) button.hidden = false;
})();
`;
