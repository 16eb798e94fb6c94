// What a hub tells of safetensors files: how many parameters of which dtype, from their headers.

/**
 * @param {Buffer[]} files
 * @returns {{ parameters: Record<string, number>, total: number } | undefined} Nothing without such files.
 */
export function parameters(files) {
  if (files.length === 0) return undefined;
  /** @type {Record<string, number>} */
  const found = {};
  for (const data of files) {
    const header = JSON.parse(data.subarray(8, 8 + Number(data.readBigUInt64LE(0))).toString('utf8'));
    for (const [name, { dtype, shape }] of Object.entries(header)) {
      if (name === '__metadata__') continue;
      found[dtype] =
        (found[dtype] ?? 0) + shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
    }
  }
  return { parameters: found, total: Object.values(found).reduce((a, b) => a + b, 0) };
}
