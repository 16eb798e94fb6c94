// What a new suite needs, asked of the person at the terminal. Nx's own prompts know no conditions: they would ask of every
// suite that is there already too, so these are asked by the generator.
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { GeneratorError } from './generator-error.js';

/** A question in, an answer out; undefined where nobody can be asked. */
export type Ask = ((question: string) => Promise<string>) | undefined;

/** @throws GeneratorError, from the question, where the person ends the input instead. */
export function askAtTerminal(
  environment: NodeJS.ProcessEnv,
  input: Readable & { isTTY?: boolean } = process.stdin,
  output: Writable & { isTTY?: boolean } = process.stdout,
  argv: readonly string[] = process.argv,
): Ask {
  const refused = argv.some((one) => /^--(no-interactive|interactive=false)$/.test(one));
  if (input.isTTY !== true || output.isTTY !== true || environment.CI === 'true' || refused) return undefined;
  return async (question) => {
    const lines = createInterface({ input, output });
    // Ctrl-D and Ctrl-C close the input, and the question would never be answered.
    const ended = new Promise<never>((_, reject) => {
      lines.once('close', () => {
        reject(new GeneratorError('No answer; nothing was written'));
      });
    });
    try {
      return (await Promise.race([lines.question(question), ended])).trim();
    } finally {
      ended.catch(() => undefined);
      lines.close();
    }
  };
}
