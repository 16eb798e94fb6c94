// Types of settings that are written in YAML or given as an environment variable: one schema judges both.
import { z } from 'zod';
import { isSecretName } from '../../base/text/redact.js';
import { flag, oneOf, text, whole } from './schema-parts.js';

export interface SettingType<T> {
  schema: z.ZodType<T>;
  /** The text of a variable as the value a YAML file would hold; what cannot be read so is left to the schema. */
  fromText: (text: string) => unknown;
  /** What may be written, for messages and for docs/settings.md. */
  allowed: string;
}

export function choice<const Words extends readonly [string, ...string[]]>(
  words: Words,
): SettingType<Words[number]> {
  return typed(oneOf(words), (value) => value.trim());
}

export function wholeNumber(least: number, most = 1 << 30): SettingType<number> {
  return typed(whole(least, most), toNumber);
}

export function number(least: number, most?: number): SettingType<number> {
  const error = (): string =>
    most === undefined ? `a number of ${least} or more` : `a number from ${least} to ${most}`;
  const schema = z.number({ error }).min(least, { error });
  return typed(most === undefined ? schema : schema.max(most, { error }), toNumber);
}

export function yesNo(): SettingType<boolean> {
  return typed(flag(), (value) => {
    if (/^(true|1|yes|on)$/i.test(value.trim())) return true;
    return /^(false|0|no|off)$/i.test(value.trim()) ? false : value;
  });
}

export function words(what: string, pattern?: RegExp): SettingType<string> {
  return typed(text(what, pattern), (value) => value);
}

/** Items separated by commas or blanks, or a YAML list. */
export function listOf<T>(item: SettingType<T>, what: string): SettingType<T[]> {
  const schema = z.array(item.schema, { error: () => what });
  const fromText = (value: string): unknown => splitList(value).map((one) => item.fromText(one));
  return { schema, fromText, allowed: what };
}

/** The type, or the word `auto`. */
export function orAuto<T>(type: SettingType<T>): SettingType<T | 'auto'> {
  const allowed = `auto, or ${type.allowed}`;
  const schema = z.union([z.literal('auto'), type.schema], { error: () => allowed });
  return { schema, fromText: (value) => (value.trim() === 'auto' ? 'auto' : type.fromText(value)), allowed };
}

export function splitList(value: string): string[] {
  return value.split(/[\s,]+/).filter((item) => item !== '');
}

export function toNumber(value: string): unknown {
  const parsed = Number(value);
  return value.trim() === '' || Number.isNaN(parsed) ? value : parsed;
}

/** The schema's own error text is what is allowed (schema-parts.ts). */
function typed<T>(schema: z.ZodType<T>, fromText: (text: string) => unknown): SettingType<T> {
  return { schema, fromText, allowed: schema.safeParse(undefined).error?.issues[0]?.message ?? '' };
}

/** A variable's value, or the sentence that says what is wrong with it. */
export function readVariable<T>(
  name: string,
  type: SettingType<T>,
  value: string,
): { ok: true; value: T } | { ok: false; error: string } {
  const parsed = type.schema.safeParse(type.fromText(value));
  if (parsed.success) return { ok: true, value: parsed.data };
  const shown = isSecretName(name) ? 'its value' : JSON.stringify(value);
  return {
    ok: false,
    error: `environment variable ${name}: ${shown} is not allowed. Allowed: ${type.allowed}`,
  };
}
