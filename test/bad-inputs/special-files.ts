// Makes what is no file where a file should be.
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';

export function makeStrange(kind: string, path: string): void {
  switch (kind) {
    case 'directory':
      mkdirSync(path);
      return;
    case 'pipe':
      execFileSync('mkfifo', [path]);
      return;
    case 'link to a device without end':
      symlinkSync('/dev/zero', path);
      return;
    case 'link to a device that is empty':
      symlinkSync('/dev/null', path);
      return;
    case 'link to itself':
      symlinkSync(path, path);
      return;
    case 'UTF-16':
      writeFileSync(path, Buffer.from('\ufeffmodels: []\n', 'utf16le'));
      return;
    case 'Latin-1':
      writeFileSync(path, Buffer.from('# größer\n', 'latin1'));
      return;
    case 'a gigabyte of holes':
      writeFileSync(path, '');
      truncateSync(path, 2 ** 30);
      return;
    default:
      throw new Error(kind);
  }
}
