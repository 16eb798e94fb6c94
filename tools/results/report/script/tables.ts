// Tables that sort by a click on a head, and are narrowed by words.

export const TABLES = `
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.sort ?? cell.textContent.trim();
  };
  /** Numbers before text; what is empty stands last in either direction. */
  const order = (a, b) => {
    const x = Number(a), y = Number(b);
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return a < b ? -1 : a > b ? 1 : 0;
  };
  const sorts = (table) => {
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
  };
  const narrows = (input) => {
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
  };
  enhancers.push((piece) => {
    for (const table of piece.querySelectorAll('table[data-sortable]')) sorts(table);
    for (const input of piece.querySelectorAll('input[data-finds]')) narrows(input);
  });
`;
