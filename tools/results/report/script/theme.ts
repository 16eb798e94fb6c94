// Light or dark by a button, and commands that are copied.

export const THEME = `
  const stored = (value) => {
    // Storage may be closed to a page opened as a file.
    try { return value === undefined ? localStorage.getItem('report-theme') : localStorage.setItem('report-theme', value); }
    catch { return null; }
  };
  const saved = stored();
  if (saved === 'light' || saved === 'dark') root.dataset.theme = saved;
  const themeButton = document.querySelector('#theme');
  const isDark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const label = () => { themeButton.textContent = isDark() ? 'Light theme' : 'Dark theme'; };
  themeButton.hidden = false;
  themeButton.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    stored(root.dataset.theme);
    label();
  });
  label();

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
  enhancers.push((piece) => {
    for (const button of piece.querySelectorAll('button[data-copy]')) button.hidden = false;
  });
`;
