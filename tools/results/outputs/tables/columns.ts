// Tables as lists of columns: name, meaning, type and value in one place, for the CSV and its schema.
import { z } from 'zod';
import { csvTable, type CsvValue } from './csv.js';
import type { Tri } from '../../analysis/statistics/tri.js';

export interface Column<Row> {
  name: string;
  /** Of the field once read: an empty one is null, `true` and `false` are booleans, a number is a number. */
  schema: z.ZodType;
  value: (row: Row) => CsvValue;
}

export function column<Row>(
  name: string,
  schema: z.ZodType,
  about: string,
  value: (row: Row) => CsvValue,
): Column<Row> {
  return { name, schema: schema.describe(about), value };
}

export function csvOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  return csvTable(
    columns.map(({ name }) => name),
    rows.map((row) => columns.map(({ value }) => value(row))),
  );
}

/** What a row is, read as its columns say. */
export function rowSchema<Row>(columns: readonly Column<Row>[], about: string): z.ZodType {
  return z
    .strictObject(Object.fromEntries(columns.map(({ name, schema }) => [name, schema])))
    .describe(about);
}

/** Text; never empty. */
export const word = z.string().min(1);
export const words = <const Words extends readonly [string, ...string[]]>(...of: Words) => z.enum(of);
export const flag = z.boolean();
export const count = z.int().min(0);
/** A fraction of 1. */
export const fraction = z.number().min(0).max(1);
/** A number as the certificate has it, which may be none. */
export const figure = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
/** `true`, `false`, `unknown`. */
export const known = z.union([z.boolean(), z.literal('unknown')]);

export function tri(value: Tri): CsvValue {
  return value ?? 'unknown';
}
