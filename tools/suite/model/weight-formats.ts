// Formats of quantized weights that are evaluated as they are, and the package that runs each beside .venv.
// tools/python/validation/formats/table.py has all formats; a test compares the two.

/** Exact versions, as the lock files of tools/python/overlays pin them. */
export const FORMAT_PACKAGES = {
  bitsandbytes: '0.50.2',
  'compressed-tensors': '0.20.1',
  torchao: '0.18.0',
} as const;
export type FormatPackage = keyof typeof FORMAT_PACKAGES;

const PACKAGE_OF = {
  'bitsandbytes-4bit': 'bitsandbytes',
  'bitsandbytes-8bit': 'bitsandbytes',
  'compressed-tensors': 'compressed-tensors',
  torchao: 'torchao',
} as const satisfies Record<string, FormatPackage>;
export type WeightFormat = keyof typeof PACKAGE_OF;
export const WEIGHT_FORMATS = [
  'bitsandbytes-4bit',
  'bitsandbytes-8bit',
  'compressed-tensors',
  'torchao',
] as const satisfies readonly WeightFormat[];

/** Formats that nothing here evaluates as they are: only their numbers are read. */
export const NUMBERS_ONLY_FORMATS = ['awq', 'fp8', 'gptq', 'mxfp4', 'mxfp8'] as const;

/** As what a quantized checkpoint is taken: its numbers in bf16, or its files as they are. */
export type Taken = { as: 'dequantized' } | { as: 'quantized'; format: WeightFormat };

/** `<package>==<version>`: of what an evaluation needs, in its specification. */
export function packageOf(format: WeightFormat): string {
  const name = PACKAGE_OF[format];
  return `${name}==${FORMAT_PACKAGES[name]}`;
}
