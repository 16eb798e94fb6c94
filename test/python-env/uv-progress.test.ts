// What uv 0.13 printed to a pipe, line by line.
import { expect, test } from 'vitest';
import { UvProgress } from '../../tools/python-env/uv-progress.js';

function after(lines: string, compiles = true): UvProgress {
  const progress = new UvProgress(compiles);
  for (const line of lines.split('\n')) progress.read(line);
  return progress;
}

const BEGIN = `Using Python 3.12.1 environment at: .venv
Resolved 131 packages in 364ms`;
const DOWNLOADS = `${BEGIN}
Downloading pyarrow (52.5MiB)
Downloading torch (1.5GiB)
Downloading numpy (15.0MiB)
Downloading pandas (11.5MiB)
   Building rouge-score==0.1.2
 Downloaded pandas`;
const END = `${DOWNLOADS}
 Downloaded numpy
 Downloaded pyarrow
 Downloaded torch
      Built rouge-score==0.1.2
Prepared 131 packages in 10.50s`;

test('how far it is: packages, bytes, what is still to come', () => {
  expect(after('').text(1)).toBe('reading the lock file (1 s)');
  expect(after(BEGIN).text(2)).toBe('131 packages: fetching them (2 s)');
  expect(after(DOWNLOADS).text(72)).toBe(
    '131 packages: 11.5 MiB of 1.6 GiB downloaded; coming: torch 1.5 GiB, pyarrow 52.5 MiB, numpy 15.0 MiB; building rouge-score==0.1.2 (1 min 12 s)',
  );
  const more = after(`${DOWNLOADS}\nDownloading scipy (33.0MiB)`);
  expect(more.text(3)).toContain(
    'coming: torch 1.5 GiB, pyarrow 52.5 MiB, scipy 33.0 MiB and 1 more; building',
  );
  expect(after(END).text(90)).toBe('131 packages: putting them into place (1 min 30 s)');
  expect(after(`${END}\nInstalled 131 packages in 2s`).text(90)).toContain('compiling their bytecode');
  expect(after(`${END}\nInstalled 131 packages in 2s`, false).text(90)).toContain('putting them into place');
});

test('what it was in the end', () => {
  const end = `${END}\nInstalled 131 packages in 384ms\nBytecode compiled 1985 files in 44.76s\n + numpy==2.5.5\n - six==1.16.0`;
  expect(after(end).summary()).toBe('131 packages, 1.6 GiB downloaded');
  expect(after(end).words).toBe('');
  const cached = 'Resolved 1 package in 3ms\nInstalled 1 package in 1ms\n + six==1.17.0';
  expect(after(cached).summary()).toBe('1 package, nothing large to download');
});

test('warnings are told, and its own words are kept for a failure', () => {
  const progress = after(BEGIN);
  expect(progress.read('warning: Failed to hardlink files')).toBe('warning: Failed to hardlink files');
  expect(progress.read('error: No solution found when resolving dependencies')).toBeUndefined();
  progress.read('  cause: Because there is no version of numpy==99.0');
  expect(progress.words).toBe(
    'warning: Failed to hardlink files\nerror: No solution found when resolving dependencies\n  cause: Because there is no version of numpy==99.0',
  );
});
