// Prints the digest of a directory's listing (a `runtime` input of what reads a model outside the workspace).
import { digestListing } from '../base/files.js';

const [path = ''] = process.argv.slice(2);
try {
  process.stdout.write(`${digestListing(path)}\n`);
} catch {
  // The cell itself says what is wrong with the path, with its name and place.
  process.stdout.write('missing\n');
}
