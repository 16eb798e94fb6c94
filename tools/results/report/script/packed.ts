// Pieces of a long page, which stand in it deflated, are put in place when a reader comes near; panels when they are asked for.

export const PACKED = `
  const inflate = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
    return new Response(stream).text();
  };
  const inPlace = new WeakMap();
  const unpack = (holder) => {
    if (!inPlace.has(holder)) {
      inPlace.set(holder, inflate(holder.dataset.packed).then((text) => {
        const template = document.createElement('template');
        template.innerHTML = text;
        const piece = document.createElement('div');
        piece.className = 'unpacked';
        piece.append(template.content);
        holder.replaceWith(piece);
        enhance(piece);
      }));
    }
    return inPlace.get(holder);
  };
  async function unpackPanels(button) {
    const holder = document.querySelector('[data-on-demand="' + CSS.escape(button.dataset.panels) + '"]');
    if (holder) await unpack(holder);
  }
  const packedIn = (part) => [...part.querySelectorAll('[data-packed]:not([data-on-demand])')];
  async function unpackMatrix() {
    const matrix = document.getElementById('matrix');
    if (matrix) await Promise.all(packedIn(matrix).map(unpack));
  }
  function unpackWhenNear() {
    const observer = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        unpack(target);
      }
    }, { rootMargin: '600px' });
    for (const holder of packedIn(document)) {
      holder.querySelector('p').hidden = false;
      observer.observe(holder);
    }
    addEventListener('beforeprint', () => packedIn(document).forEach(unpack));
    openLinked().then(() => { root.dataset.ready = ''; });
  }
`;
