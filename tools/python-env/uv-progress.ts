// What uv says while it installs (to a pipe: lines, no bars), as one line of how far it is. It announces packages of 1 MiB and more.
import { durationText } from '../base/duration.js';
import { sizeText } from '../base/units.js';

/** Named of those that are not here yet, the largest first. */
const NAMED = 3;
/** Lines of uv's own words kept for a failure. */
const KEPT = 20;
const UNITS: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

export class UvProgress {
  #packages = 0;
  #doing: 'reading the lock file' | 'fetching' | 'putting them into place' | 'compiling their bytecode' =
    'reading the lock file';
  readonly #coming = new Map<string, number>();
  readonly #building = new Set<string>();
  #announced = 0;
  #downloaded = 0;
  readonly #others: string[] = [];

  /** @param compiles uv compiles bytecode when all packages are there. */
  constructor(private readonly compiles: boolean) {}

  /** @returns the line itself where it is a warning. */
  read(line: string): string | undefined {
    const [, what = '', subject = '', size = '', unit = ''] =
      /^ *(Resolved|Downloading|Downloaded|Building|Built|Prepared|Installed) (\S+)(?: \(([\d.]+)(\w+)\))?/.exec(
        line,
      ) ?? [];
    switch (what) {
      case 'Resolved':
        this.#packages = Number(subject);
        this.#doing = 'fetching';
        break;
      case 'Downloading': {
        const bytes = Number(size) * (UNITS[unit] ?? 0);
        this.#coming.set(subject, bytes);
        this.#announced += bytes;
        break;
      }
      case 'Downloaded':
        this.#downloaded += this.#coming.get(subject) ?? 0;
        this.#coming.delete(subject);
        break;
      case 'Building':
        this.#building.add(subject);
        break;
      case 'Built':
        this.#building.delete(subject);
        break;
      case 'Prepared':
        this.#doing = 'putting them into place';
        break;
      case 'Installed':
        if (this.compiles) this.#doing = 'compiling their bytecode';
        break;
      default:
        return this.#other(line);
    }
    return undefined;
  }

  #other(line: string): string | undefined {
    // Which Python, the list of what was installed, how many files of bytecode.
    if (/^(Using Python| *[+~-] |Uninstalled|Audited|Bytecode compiled|Checked|\s*$)/.test(line))
      return undefined;
    this.#others.push(line);
    return line.startsWith('warning:') ? line : undefined;
  }

  /** How far it is. */
  text(seconds: number): string {
    const what = this.#doing === 'fetching' ? this.#fetching() : this.#doing;
    const packages = this.#packages === 0 ? '' : `${this.#packages} packages: `;
    return `${packages}${what} (${durationText(seconds)})`;
  }

  #fetching(): string {
    const built = [...this.#building].map((name) => `; building ${name}`).join('');
    if (this.#announced === 0) return `fetching them${built}`;
    const coming = [...this.#coming].sort(([, one], [, other]) => other - one);
    const named = coming.slice(0, NAMED).map(([name, bytes]) => `${name} ${sizeText(bytes)}`);
    const more = coming.length > NAMED ? ` and ${coming.length - NAMED} more` : '';
    const rest = named.length === 0 ? '' : `; coming: ${named.join(', ')}${more}`;
    return `${sizeText(this.#downloaded)} of ${sizeText(this.#announced)} downloaded${rest}${built}`;
  }

  /** What was done in the end. */
  summary(): string {
    const bytes =
      this.#downloaded === 0 ? 'nothing large to download' : `${sizeText(this.#downloaded)} downloaded`;
    return `${this.#packages} ${this.#packages === 1 ? 'package' : 'packages'}, ${bytes}`;
  }

  /** Its words about what went wrong. */
  get words(): string {
    return this.#others.slice(-KEPT).join('\n');
  }
}
