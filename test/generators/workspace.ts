// A directory with suites in it, and Nx's own tree over it: what generators see, without a run of Nx.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FileChange, Tree } from '@nx/devkit';
import { flushChanges, FsTree } from 'nx/src/generators/tree.js';

export class Workspace implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'suite-generator-'));

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  remove(path: string): void {
    rmSync(join(this.root, path));
  }

  /** Lets a generator change the files; returns what it changed. */
  async generate(generator: (tree: Tree) => unknown): Promise<string[]> {
    const { changes, write } = await this.dryRun(generator);
    write();
    return changes.map(({ type, path }) => `${type} ${path}`);
  }

  async dryRun(generator: (tree: Tree) => unknown): Promise<{ changes: FileChange[]; write: () => void }> {
    const tree = new FsTree(this.root, false);
    await generator(tree);
    const changes = tree.listChanges();
    return {
      changes,
      write: () => {
        flushChanges(this.root, changes);
      },
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export const SUITE = `models:
  - {name: m, facts: {architecture: llama}, edits: {clean: ['lowrank_svd:8:ffn', 'lowrank_svd:4:ffn']}}
  - {name: n, facts: {architecture: llama}, mode: per-edit}
errors: [zero_layer]
`;
