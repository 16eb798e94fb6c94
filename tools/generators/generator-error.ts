// An error for the person at the terminal: Nx prints its lines and no stack.

import { shown } from '../base/text/say.js';

export class GeneratorError extends Error {
  constructor(title: string, lines: readonly string[] = []) {
    super(shown([title, ...lines].join('\n')));
    this.name = 'GeneratorError';
    // Nx offers a stack trace whenever there is one; what a person wrote is not explained by ours.
    this.stack = '';
  }
}
