// What the end of a Python process means. Pure. What Python itself says goes first; the text of its log is the second
// line, for processes that died without a word.
import { constants } from 'node:os';
import { Fault, faultCodeOfExit, isFaultCode, type FaultCode } from '../../base/fault.js';
import type { PythonEnd } from './process.js';

/** What is known of a process that has ended. */
export interface Evidence {
  end: PythonEnd;
  /** The fault it reported. */
  said?: { code: string; message: string; hint: string } | undefined;
  /** The last lines of its log. */
  log: string;
  /** Processes the kernel ended for lack of memory while it ran, of its control group and of the host. */
  oomKills: number;
  timeoutSeconds: number;
}

/** Exit code of a process that took too long, as `timeout(1)` has it. */
export const TIMEOUT_EXIT_CODE = 124;

/** Texts of a log, most telling first: a full disk or memory shows itself in errors of every other kind. */
const PATTERNS: readonly (readonly [FaultCode, RegExp])[] = [
  [
    'out_of_memory',
    /(CUDA|HIP)(\]:| error:)? out of memory|OutOfMemoryError|CU(BLAS|DNN|SOLVER)_STATUS_ALLOC_FAILED/,
  ],
  [
    'host_out_of_memory',
    /(?<!Of)MemoryError\b|can(no|')t allocate memory|Cannot allocate memory|std::bad_alloc|oom-kill/i,
  ],
  ['disk_full', /No space left on device|Disk quota exceeded|\bE(NOSPC|DQUOT)\b/i],
  ['read_only', /Read-only file system|\bEROFS\b/i],
  ['device_assert', /device-side assert/i],
  ['environment', /ModuleNotFoundError|ImportError|No module named|cannot import name/],
  ['bad_input', /FileNotFoundError|NotADirectoryError|IsADirectoryError|No such file or directory/],
  ['misconfigured', /\b(bad|invalid|illegal) config|ConfigurationError|Permission ?(denied|Error)/i],
  ['internal', /\b(Syntax|Indentation|Type|Assertion|Name|Attribute|Import)Error\b/],
  [
    'unavailable',
    /Connection ?(Error|Refused|Reset|Aborted|timed out)|Max retries exceeded|\btimed out\b|Timeout(Error)?\b|Name or service not known|name resolution|NameResolutionError|\b50[234] (Server|Bad|Service|Gateway)|\b(status|code|HTTP|error)\b[^\n]{0,12}\b(429|50[234])\b|Too Many Requests|rate.?limit|Resource temporarily unavailable/i,
  ],
];

/** The cause a text speaks of, and the line that says so. */
export function causeOfText(text: string): { code: FaultCode; line: string } | undefined {
  for (const [code, pattern] of PATTERNS) {
    const found = pattern.exec(text);
    if (found === null) continue;
    const start = text.lastIndexOf('\n', found.index) + 1;
    const end = text.indexOf('\n', found.index);
    return {
      code,
      line: text
        .slice(start, end < 0 ? undefined : end)
        .trim()
        .slice(0, 300),
    };
  }
  return undefined;
}

/** The fault of a process that did not end well; undefined when it did. */
export function classify(evidence: Evidence): Fault | undefined {
  const { end, oomKills } = evidence;
  switch (end.how) {
    case 'exit':
      return end.exitCode === 0 ? undefined : ofExit(end.exitCode, evidence);
    case 'signal':
      if (end.signal !== 'SIGKILL') return ofCrash(end.signal, evidence);
      return oomKills > 0
        ? new Fault(
            'host_out_of_memory',
            'the kernel ended Python (SIGKILL): the memory of the host ran out',
            'Give the host fewer cells at a time (cpu.slots in workspace-config/site.yaml), or more memory.',
          )
        : new Fault(
            'killed',
            'Python was ended by SIGKILL',
            'Nobody says why: a person, a container runtime, or the kernel when the memory of the host ran out (dmesg).',
          );
    case 'timeout':
      return new Fault(
        'timeout',
        `no end after ${evidence.timeoutSeconds} s`,
        'Raise timeouts.default_s or timeouts.tasks in workspace-config/site.yaml (TASK_TIMEOUT_<TASKTYPE>), or the timeout that an edit program has in suite.yaml.',
      );
    case 'cancelled':
      return new Fault('cancelled', 'the run was cancelled');
    case 'unstartable':
      return new Fault(
        'environment',
        `Python cannot be started: ${end.message}`,
        'Run: npx nx run tools:python-env',
      );
  }
}

/** The exit code of an attempt as shells count it. */
export function exitCodeOf(end: PythonEnd, signalNumber: (name: string) => number): number {
  switch (end.how) {
    case 'exit':
      return end.exitCode;
    case 'signal':
      return 128 + signalNumber(end.signal);
    case 'timeout':
      return TIMEOUT_EXIT_CODE;
    case 'cancelled':
      return 130;
    case 'unstartable':
      return 127;
  }
}

/** The number of a signal, for exit codes as shells count them; 0 for one this system does not know. */
export function signalNumber(name: string): number {
  return (constants.signals as Record<string, number | undefined>)[name] ?? 0;
}

function ofExit(exitCode: number, { said, log }: Evidence): Fault {
  const code = faultCodeOfExit(exitCode);
  if (code !== undefined && code !== 'internal') {
    return new Fault(code, said?.message ?? lastLine(log, exitCode), said?.hint);
  }
  // An exception Python has no name for: its own text may name the cause, and the log of a process that said nothing.
  if (said !== undefined) {
    const known = isFaultCode(said.code) && said.code !== 'internal' ? said.code : undefined;
    return new Fault(known ?? causeOfText(said.message)?.code ?? 'unknown', said.message, said.hint);
  }
  const cause = causeOfText(log);
  const sentence = `Python ended with exit code ${exitCode}`;
  return cause === undefined
    ? new Fault('unknown', sentence)
    : new Fault(cause.code, `${sentence}: ${cause.line}`);
}

function ofCrash(signal: string, { log }: Evidence): Fault {
  const cause = causeOfText(log);
  const sentence = `Python was ended by ${signal}`;
  return cause === undefined
    ? new Fault('crashed', sentence)
    : new Fault(cause.code, `${sentence}: ${cause.line}`);
}

function lastLine(log: string, exitCode: number): string {
  const line = log.trimEnd().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? `Python ended with exit code ${exitCode}` : line.slice(0, 300);
}
