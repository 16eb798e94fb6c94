// `npm run lock:python`: compiles requirements.in into the hashed lock file; `-- --upgrade` takes newer versions.
import { execa } from 'execa';
import { findInterpreter } from '../python-env/interpreter.js';
import { findUv } from '../python-env/uv.js';
import { OVERLAYS } from '../suite/model/overlays.js';
import { messageOf } from '../base/message.js';

const common = ['--generate-hashes', '--universal', '--python-version', '3.12', ...process.argv.slice(2)];

try {
  const uv = await findUv(process.cwd(), console.log);
  const python = (await findInterpreter(process.env))?.path ?? '3.12';
  for (const [input, lock, ...rest] of [
    ['requirements.in', 'requirements.lock'],
    ['uv.in', 'uv.lock.txt'],
    // Beside .venv's packages: what they need of those is there.
    ...OVERLAYS.map((name) => [`overlays/${name}.in`, `overlays/${name}.lock`, '--no-deps'] as const),
  ] as const) {
    const command = ['--custom-compile-command', 'npm run lock:python'];
    const args = [
      'pip',
      'compile',
      '--quiet',
      '--python',
      python,
      ...common,
      ...command,
      ...rest,
      input,
      '-o',
      lock,
    ];
    await execa(uv, args, { cwd: 'tools/python', stdio: 'inherit' });
    console.log(`tools/python/${lock} is up to date`);
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
