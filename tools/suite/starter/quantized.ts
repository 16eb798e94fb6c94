// Which format of quantized weights a config.json names, and as what a new suite takes such a checkpoint. Pure.
// As tools/python/validation/formats/table.py recognises them; a test compares the two.
import { asMapping } from '../../base/json-value.js';
import { fail, ok, type Result } from '../../base/result.js';
import { NUMBERS_ONLY_FORMATS, WEIGHT_FORMATS, type Taken } from '../model/weight-formats.js';

type Settings = Readonly<Record<string, unknown>>;

/** Of a checkpoint in a quantized format: what is written, and the other choice for a remark. */
export interface StarterTaken {
  as: Taken['as'];
  remark: string;
}

/** By its name in suite.yaml, or as config.json has it; undefined where it names none. */
export function formatOfConfig(config: Settings | undefined): string | undefined {
  if (config === undefined) return undefined;
  const within = Object.entries(config).flatMap(([key, value]) => {
    const part = key.endsWith('_config') ? asMapping(value) : undefined;
    return part === undefined || 'quant_method' in part ? [] : [part];
  });
  for (const part of [config, ...within]) {
    for (const key of ['quantization_config', 'compression_config']) {
      const settings = asMapping(part[key]);
      if (settings !== undefined && Object.keys(settings).length > 0) return formatOfSettings(settings);
    }
    if (asMapping(part.quantization) !== undefined) return 'mlx';
  }
  return undefined;
}

function formatOfSettings(settings: Settings): string {
  const written = typeof settings.quant_method === 'string' ? settings.quant_method : '';
  const method = written.toLowerCase().replace('_tensors', '-tensors');
  if (settings.load_in_8bit === true || settings.load_in_4bit === true || method === 'bitsandbytes') {
    return `bitsandbytes-${settings.load_in_4bit === true ? 4 : 8}bit`;
  }
  if (method !== '') return method;
  if ('config_groups' in settings || 'format' in settings) return 'compressed-tensors';
  if (!('bits' in settings && 'group_size' in settings)) return '?';
  return 'mode' in settings || Object.keys(settings).length === 2 ? 'mlx' : 'gptq';
}

/** As its numbers wherever they can be read: any host runs that, and every judge is asked. */
export function takenOfFormat(format: string): Result<StarterTaken, string> {
  const run = WEIGHT_FORMATS.find((one) => one === format);
  if (run !== undefined) {
    const other = `as: quantized, format: ${run}`;
    return ok({
      as: 'dequantized',
      remark: `${run}: its numbers in bf16, certified too; or ${other}: evaluated as it is, not certified`,
    });
  }
  if (NUMBERS_ONLY_FORMATS.some((one) => one === format)) {
    return ok({ as: 'dequantized', remark: `${format}: its numbers in bf16; it is not evaluated as it is` });
  }
  return fail(
    `quantized with ${format}, which is neither read nor evaluated here; dequantise it with its own program, and name the result`,
  );
}
