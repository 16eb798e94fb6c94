// The matrix: narrowed by words or to the mistakes, sorted within each kind; a link to a field opens its panel.

export const MATRIX = `
  const narrowsMatrix = (filter) => {
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
  };
  enhancers.push((piece) => {
    const filter = piece.querySelector('#matrix-filter');
    if (filter) narrowsMatrix(filter);
  });

  const fieldOf = (hash) => {
    let id;
    try { id = decodeURIComponent(hash.slice(1)); } catch { return null; }
    const target = document.getElementById(id);
    return target?.matches('.matrix td') ? target : null;
  };
  const openLinked = async () => {
    if (!location.hash.startsWith('#cell-')) return;
    await unpackMatrix();
    const button = fieldOf(location.hash)?.querySelector('button');
    if (!button) return;
    await unpackPanels(button);
    document.getElementById(button.getAttribute('popovertarget'))?.showPopover();
  };
  addEventListener('hashchange', openLinked);
  // A panel that is packed is not there yet when its field is pressed.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest?.('.matrix button[popovertarget]');
    if (!button || document.getElementById(button.getAttribute('popovertarget'))) return;
    await unpackPanels(button);
    document.getElementById(button.getAttribute('popovertarget'))?.showPopover();
  });
`;
