// Takes weights out of the store that can be made again: renamed first, so that nobody ever finds half of them.
import { randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Drop the entries of the recipes; what is gone already is passed over. Manifests and receipts stay where they are. */
export function dropWeights(
  storageRoot: string,
  recipes: readonly string[],
  say: (line: string) => void,
): void {
  for (const recipe of recipes) {
    const trash = join(storageRoot, `.tmp-dropped-${randomBytes(6).toString('hex')}`);
    try {
      renameSync(join(storageRoot, recipe), trash);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    makeRemovable(trash);
    rmSync(trash, { recursive: true, force: true });
    say(`disk is short: weights ${recipe.slice(0, 12)}… are dropped and made again when they are needed`);
  }
}

function makeRemovable(directory: string): void {
  chmodSync(directory, 0o700);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) makeRemovable(join(directory, entry.name));
  }
}
