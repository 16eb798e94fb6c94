// A workspace and a host for flash attention: stand-ins for nvidia-smi, uv, nvcc and .venv's Python, which no machine
// without a GPU has; everything else is real.
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { REPOSITORY } from '../support/repository.js';
import { hostTools } from '../support/rig/host-tools.js';

export const PINNED = '2.8.3.post2';

/** How installing goes: `wheel` fits, `compile` works, what came `works` on the GPUs. */
export interface Fate {
  wheel?: boolean;
  compile?: boolean;
  works?: boolean;
}

export class FlashWorkspace {
  readonly bin: string;

  constructor(readonly root: string) {
    this.bin = join(root, 'bin');
    for (const file of ['requirements.lock', 'flash-attn.txt']) {
      mkdirSync(join(root, 'tools/python'), { recursive: true });
      cpSync(join(REPOSITORY, 'tools/python', file), join(root, 'tools/python', file));
    }
    this.write('.venv/pyvenv.cfg', 'version = 3.12.1\n');
    mkdirSync(this.sitePackages, { recursive: true });
    this.installPython('.venv/bin/python');
    this.command(
      'nvidia-smi',
      `case "$1" in *compute-apps*) ;; *) printf '0, GPU-aaaaaaaa-0000-0000-0000-000000000000, 81559, 81079, 9.0, [N/A]\\n' ;; esac`,
    );
    this.command('c++', 'exit 0');
    this.command('uv', UV(root));
    this.fate({});
  }

  /** Answers questions about torch and the check; anything else as `otherwise` does. */
  installPython(path: string, otherwise = 'exit 1'): void {
    this.write(
      path,
      `#!/bin/sh
case "$*" in
*torch.version.cuda*) echo '{"cuda": "13.2", "headers": true}' ;;
*validation.flash_check*)
  if [ -e "${this.root}/fate/works" ] && [ -e "${this.sitePackages}/flash_attn_2_cuda.so" ]; then exit 0; fi
  echo "ModuleNotFoundError: No module named 'flash_attn_2_cuda'"; exit 1 ;;
*) ${otherwise} ;;
esac
`,
    );
    chmodSync(join(this.root, path), 0o755);
  }

  get sitePackages(): string {
    return join(this.root, '.venv/lib/python3.12/site-packages');
  }

  get distribution(): string {
    return join(this.sitePackages, `flash_attn-${PINNED}.dist-info`);
  }

  /** Below `cuda`, for CUDA_HOME: without one the host's own may be found. */
  installNvcc(): void {
    this.command('nvcc', `echo 'Cuda compilation tools, release 13.0, V13.0.88'`, 'cuda/bin');
  }

  fate(fate: Fate): void {
    rmSync(join(this.root, 'fate'), { recursive: true, force: true });
    mkdirSync(join(this.root, 'fate'));
    for (const [name, happens] of Object.entries(fate)) {
      if (happens === true) writeFileSync(join(this.root, 'fate', name), '');
    }
  }

  suite(name: string, yaml: string, identity: Record<string, string> = {}): void {
    this.write(`suites/${name}/suite.yaml`, yaml);
    this.write(`suites/${name}/project.json`, JSON.stringify({ metadata: { identity } }));
  }

  /** What uv was told since the last call. */
  takeCommands(): string[] {
    const log = join(this.root, 'uv.log');
    const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
    rmSync(log, { force: true });
    return lines;
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  /** Nothing of the real host: no nvidia-smi or nvcc of its own. */
  get path(): string {
    return `${this.bin}:${hostTools(this.root)}`;
  }

  private command(name: string, script: string, directory = 'bin'): void {
    this.write(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.root, directory, name), 0o755);
  }
}

/** As uv does with a wheel that fits, one without kernels, a build, and an uninstallation. */
const UV = (root: string): string => `
[ "$1" = --version ] && { echo 'uv 0.13.9'; exit 0; }
where="${root}/.venv/lib/python3.12/site-packages"; fate="${root}/fate"
case "$*" in
*uninstall*) echo "uninstall" >> "${root}/uv.log"; rm -rf "$where"/flash_attn* ;;
*flash-attn==*)
  if [ "$FLASH_ATTENTION_SKIP_CUDA_BUILD" = TRUE ]; then
    echo "wheel: $*" >> "${root}/uv.log"
    mkdir -p "$where/flash_attn-${PINNED}.dist-info"
    if [ -e "$fate/wheel" ]; then touch "$where/flash_attn_2_cuda.so"; fi
  else
    echo "compile for $FLASH_ATTN_CUDA_ARCHS: $*" >> "${root}/uv.log"
    [ -e "$fate/compile" ] || { echo 'error: ninja: build stopped'; exit 1; }
    mkdir -p "$where/flash_attn-${PINNED}.dist-info"; touch "$where/flash_attn_2_cuda.so"
  fi ;;
*) echo "needs: $*" >> "${root}/uv.log" ;;
esac`;
