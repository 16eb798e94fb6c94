// Charts saved as files: SVG and PNG with the colours of the theme that is shown, and their figures as CSV.

export const SAVE = `
  const offer = (blob, name) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  /** By itself: its colours as values, its size and ground stated. */
  const standalone = (svg) => {
    const style = getComputedStyle(root);
    const [, , width, height] = svg.getAttribute('viewBox').split(' ');
    const text = new XMLSerializer().serializeToString(svg)
      .replace(/var\\((--[a-z0-9-]+)\\)/g, (_all, name) => style.getPropertyValue(name).trim())
      .replace(/style="[^"]*max-width[^"]*"/, 'width="' + width + '" height="' + height + '"')
      .replace(/>/, '><rect width="' + width + '" height="' + height + '" fill="' + style.getPropertyValue('--panel').trim() + '"/>');
    return { text, width: Number(width), height: Number(height) };
  };
  const png = async ({ text, width, height }) => {
    const image = new Image();
    image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(text);
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [2 * width, 2 * height];
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  };
  document.addEventListener('click', async (event) => {
    const button = event.target.closest?.('button[data-save]');
    if (!button) return;
    const figure = button.closest('figure');
    const kind = button.dataset.save;
    const drawn = () => standalone(figure.querySelector('svg'));
    const blob =
      kind === 'csv' ? new Blob([figure.querySelector('.csv').textContent], { type: 'text/csv' })
      : kind === 'svg' ? new Blob([drawn().text], { type: 'image/svg+xml' })
      : await png(drawn());
    offer(blob, figure.dataset.file + '.' + kind);
  });
  enhancers.push((piece) => {
    for (const buttons of piece.querySelectorAll('.save')) buttons.hidden = false;
  });
`;
