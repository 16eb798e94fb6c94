// A span of time as people say it.

/** `45 s`, `3 min 12 s`, `2 h 05 min`, `3 d 04 h`: two units, the smaller one rounded down. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  const at = units.findIndex(([, size]) => whole >= size);
  const [large, small] = [units[at], units[at + 1]];
  if (large === undefined || small === undefined) return `${whole} s`;
  const rest = Math.floor((whole % large[1]) / small[1]);
  return `${Math.floor(whole / large[1])} ${large[0]} ${String(rest).padStart(2, '0')} ${small[0]}`;
}
