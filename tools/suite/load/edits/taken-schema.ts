// As what a quantized checkpoint is taken, as suite.yaml has it: `as`, with `format` where it is evaluated as it is.
import { WEIGHT_FORMATS, type Taken, type WeightFormat } from '../../model/weight-formats.js';
import { oneOf } from '../../yaml/schema-parts.js';

/** Keys of an edit whose weights come from elsewhere. */
export const TAKEN = {
  as: oneOf(['dequantized', 'quantized'] as const).optional(),
  format: oneOf(WEIGHT_FORMATS).optional(),
};

interface Written {
  as?: Taken['as'] | undefined;
  format?: WeightFormat | undefined;
}

/** @param say tells a mistake at a key. */
export function takenOf(
  { as, format }: Written,
  say: (key: keyof Written, message: string) => void,
): { taken?: Taken } {
  if (as !== 'quantized') {
    if (format !== undefined) {
      say('format', 'is the format of what is evaluated as it is: it needs as: quantized beside it');
    }
    return as === undefined ? {} : { taken: { as } };
  }
  if (format !== undefined) return { taken: { as, format } };
  say(
    'as',
    `is quantized, and what runs it depends on its format: write format: ${WEIGHT_FORMATS.join(', ')} beside it`,
  );
  return {};
}
