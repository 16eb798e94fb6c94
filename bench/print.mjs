// How the benchmarks show their figures.

export function line(what, figure) {
  console.log(`  ${what.padEnd(52)} ${figure}`);
}

export function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
