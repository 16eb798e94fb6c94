// Prints the digest of a directory's listing: of a model's files, or of all there is in the inputs of a program (a `runtime`
// input of what reads them where Nx does not look).
import { digestStamps } from '../base/contents.js';
import { digestListing } from '../base/files.js';

const [path = '', what] = process.argv.slice(2);
try {
  process.stdout.write(`${what === 'content' ? digestStamps(path) : digestListing(path)}\n`);
} catch {
  // The cell itself says what is wrong with the path, with its name and place.
  process.stdout.write('missing\n');
}
