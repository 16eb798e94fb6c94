// One line of the doctor: what was looked at, how it is, and what to do about it. Pure.

export interface Finding {
  level: 'ok' | 'warning' | 'error';
  /** What was looked at: `Python`, `GPU 3`, `model org/name`. */
  what: string;
  message: string;
  /** What to do; nothing where all is well. */
  fix?: string;
}

export const ok = (what: string, message: string): Finding => ({ level: 'ok', what, message });
export const warning = (what: string, message: string, fix: string): Finding => ({
  level: 'warning',
  what,
  message,
  fix,
});
export const error = (what: string, message: string, fix: string): Finding => ({
  level: 'error',
  what,
  message,
  fix,
});

export function toLine({ level, what, message, fix }: Finding): string {
  const line = `${level.padEnd(7)}  ${what}: ${message}`;
  return fix === undefined || fix === '' ? line : `${line}\n         fix: ${fix}`;
}

export function summary(suite: string, findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number => findings.filter((one) => one.level === level).length;
  const errors = count('error');
  const rest = `${count('ok')} ok, ${count('warning')} warnings, ${errors} errors`;
  return errors === 0 ? `${suite} can run here: ${rest}` : `${suite} would fail here: ${rest}`;
}
