import { expect, test } from 'vitest';
import {
  causeOfText,
  classify,
  exitCodeOf,
  signalNumber,
  type Evidence,
} from '../../../tools/execution/worker/classify.js';
import { classOf, type FaultCode } from '../../../tools/base/fault.js';

const ended = (change: Partial<Evidence>): FaultCode | undefined =>
  classify({ end: { how: 'exit', exitCode: 1 }, log: '', oomKills: 0, timeoutSeconds: 5, ...change })?.code;
const said = (code: string, message = ''): Evidence['said'] => ({ code, message, hint: '' });

test('a good end is no fault', () => {
  expect(ended({ end: { how: 'exit', exitCode: 0 }, log: 'CUDA out of memory' })).toBeUndefined();
});

test('what Python says goes before its log', () => {
  const end = { how: 'exit', exitCode: 81 } as const;
  expect(ended({ end, said: said('bad_edit', 'x'), log: 'CUDA out of memory' })).toBe('bad_edit');
  expect(ended({ end, log: 'CUDA out of memory' })).toBe('bad_edit');
});

test('an exception without a name of its own is known by its text, not by the log above it', () => {
  const end = { how: 'exit', exitCode: 87 } as const;
  const internal = (message: string): FaultCode | undefined =>
    ended({ end, said: said('internal', message), log: 'CUDA out of memory, once, and survived' });
  expect(internal('RuntimeError: CUDA error: device-side assert triggered')).toBe('device_assert');
  expect(internal('TypeError: unsupported operand')).toBe('internal');
  expect(internal('RuntimeError: something new')).toBe('unknown');
});

test.each([
  ['torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB', 'out_of_memory', 'gpu_memory'],
  ['RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED', 'out_of_memory', 'gpu_memory'],
  ['RuntimeError: Triton Error [CUDA]: out of memory', 'out_of_memory', 'gpu_memory'],
  ['torch.AcceleratorError: CUDA error: out of memory', 'out_of_memory', 'gpu_memory'],
  ['cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling', 'out_of_memory', 'gpu_memory'],
  ['MemoryError', 'host_out_of_memory', 'host_memory'],
  [
    "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory",
    'host_out_of_memory',
    'host_memory',
  ],
  ['OSError: [Errno 28] No space left on device', 'disk_full', 'permanent'],
  ['OSError: [Errno 122] Disk quota exceeded', 'disk_full', 'permanent'],
  ['OSError: [Errno 30] Read-only file system', 'read_only', 'permanent'],
  ['RuntimeError: CUDA error: device-side assert triggered', 'device_assert', 'permanent'],
  ["ModuleNotFoundError: No module named 'torch'", 'environment', 'permanent'],
  ['FileNotFoundError: [Errno 2] No such file or directory', 'bad_input', 'permanent'],
  ['ValueError: invalid configuration argument', 'misconfigured', 'permanent'],
  ['AssertionError', 'internal', 'permanent'],
  ['SyntaxError: invalid syntax', 'internal', 'permanent'],
  ['requests.exceptions.ConnectionError: Max retries exceeded', 'unavailable', 'transient'],
  ['socket.gaierror: Temporary failure in name resolution', 'unavailable', 'transient'],
  ['HTTPError: 503 Server Error: Service Unavailable', 'unavailable', 'transient'],
  ['status code 429', 'unavailable', 'transient'],
  ['ReadTimeout: read timed out', 'unavailable', 'transient'],
  ['BlockingIOError: [Errno 11] Resource temporarily unavailable', 'unavailable', 'transient'],
  ['502 items were read', 'unknown', 'unknown'],
  ['', 'unknown', 'unknown'],
] as const)('the log of a process that said nothing: %j is %s (%s)', (line, code, group) => {
  expect(ended({ log: `INFO begins\n${line}\n` })).toBe(code);
  expect(classOf(code)).toBe(group);
});

test('a full disk is told also where its error became another', () => {
  const log = 'OSError: [Errno 28] No space left on device\nAssertionError: shard is not whole\n';
  expect(causeOfText(log)).toEqual({
    code: 'disk_full',
    line: 'OSError: [Errno 28] No space left on device',
  });
});

test('SIGKILL: by the kernel for want of memory, or by somebody; other signals are crashes', () => {
  const end = { how: 'signal', signal: 'SIGKILL' } as const;
  expect(ended({ end, oomKills: 1 })).toBe('host_out_of_memory');
  expect(ended({ end })).toBe('killed');
  expect(ended({ end: { how: 'signal', signal: 'SIGSEGV' } })).toBe('crashed');
  expect(ended({ end: { how: 'signal', signal: 'SIGABRT' }, log: 'std::bad_alloc' })).toBe(
    'host_out_of_memory',
  );
});

test('exit codes are those of shells', () => {
  expect(exitCodeOf({ how: 'timeout' }, signalNumber)).toBe(124);
  expect(exitCodeOf({ how: 'signal', signal: 'SIGKILL' }, signalNumber)).toBe(137);
  expect(exitCodeOf({ how: 'exit', exitCode: 84 }, signalNumber)).toBe(84);
  expect(ended({ end: { how: 'timeout' } })).toBe('timeout');
});
