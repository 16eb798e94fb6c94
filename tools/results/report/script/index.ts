// The report's own script, as it runs in the page. Everything but what is packed is readable without it.
import { MATRIX } from './matrix.js';
import { PACKED } from './packed.js';
import { SAVE } from './save.js';
import { TABLES } from './tables.js';
import { THEME } from './theme.js';

/** Each part adds to `enhance` what is to be done to a piece of the page once it is there. */
export const SCRIPT = `
'use strict';
(() => {
  const root = document.documentElement;
  const enhancers = [];
  const enhance = (piece) => { for (const each of enhancers) each(piece); };
${THEME}${TABLES}${MATRIX}${SAVE}${PACKED}
  enhance(document);
  unpackWhenNear();
})();
`;
