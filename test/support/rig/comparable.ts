// A verdict without what two runs may differ in: times, durations, paths, what was measured of the machine.

const OF_A_RUN = /At$|Seconds$|_at$|_s$|seconds|duration|path|Bytes$|usage|attempts|generated/i;

export function comparable(value: unknown, root: string): unknown {
  if (Array.isArray(value)) return value.map((one) => comparable(one, root));
  if (typeof value === 'string') return value.replaceAll(root, '');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !OF_A_RUN.test(key))
      .map(([key, one]) => [key, comparable(one, root)]),
  );
}
