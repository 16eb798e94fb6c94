// Makes the projects of every generated suite anew without Nx's project graph, which cannot be read while one of them
// holds conflict markers: `npm run suites:repair`.
import { flushChanges, FsTree } from 'nx/src/generators/tree.js';
import syncGenerator from '../generators/sync.js';

const root = process.cwd();
const tree = new FsTree(root, false);
try {
  syncGenerator(tree);
  const changes = tree.listChanges();
  flushChanges(root, changes);
  for (const { type, path } of changes) console.log(`${type} ${path}`);
  if (changes.length === 0) console.log('every generated project is what its suite.yaml says');
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
