// Reads a suite.yaml against the schema; where a part has mistakes, the rest is still read, so that all are told at once.
import type { z } from 'zod';
import { describeIssue } from '../yaml/diagnostics.js';
import type { Diagnostic } from '../yaml/diagnostic.js';
import { modelSchema, suiteSchema, type ModelInput, type SuiteInput } from './schema.js';
import type { YamlSource } from '../yaml/yaml-source.js';

export type Section = keyof SuiteInput;

export interface ReadModel {
  /** In the file's list. */
  index: number;
  model: ModelInput;
  /** Settings left out because of their mistakes. */
  dropped: ReadonlySet<string>;
}

export interface Sections {
  /** Of sections with mistakes, what is well-formed; of the models, those without mistakes. */
  input: SuiteInput;
  models: ReadModel[];
  /** Sections whose values are not those of the file. */
  unsure: ReadonlySet<Section>;
  diagnostics: Diagnostic[];
}

export function readSections(source: YamlSource): Sections {
  const raw = source.value;
  const whole = suiteSchema.safeParse(raw);
  if (whole.success) {
    const models = whole.data.models.map((model, index) => ({ index, model, dropped: new Set<string>() }));
    return { input: whole.data, models, unsure: new Set(), diagnostics: [] };
  }
  const values = typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>) : {};
  const unsure = new Set<Section>();
  const models = readModels(values.models);
  const read: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(suiteSchema.shape as Record<string, z.ZodType>)) {
    const parsed = schema.safeParse(values[key]);
    if (!parsed.success) unsure.add(key as Section);
    read[key] = parsed.success
      ? parsed.data
      : key === 'models'
        ? []
        : salvage(schema, values[key], parsed.error);
  }
  read.models = models.filter(({ dropped }) => dropped.size === 0).map(({ model }) => model);
  return {
    // Each section was parsed by its own schema just now.
    input: read as SuiteInput,
    models,
    unsure,
    diagnostics: whole.error.issues.flatMap((issue) => describeIssue(source, issue)),
  };
}

/** The section without its settings that have mistakes, if it is well-formed then; else its default. */
function salvage(schema: z.ZodType, value: unknown, error: z.ZodError): unknown {
  const rest = schema.safeParse(without(value, badKeys(error)));
  return rest.success ? rest.data : schema.parse(undefined);
}

function readModels(list: unknown): ReadModel[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown, index) => {
    const parsed = modelSchema.safeParse(item);
    if (parsed.success) return [{ index, model: parsed.data, dropped: new Set<string>() }];
    const dropped = badKeys(parsed.error);
    const rest = modelSchema.safeParse(without(item, dropped));
    return rest.success ? [{ index, model: rest.data, dropped }] : [];
  });
}

/** Settings of a mapping, on its first level, that have mistakes or are unknown. */
function badKeys(error: z.ZodError): Set<string> {
  return new Set(
    error.issues.flatMap((issue) =>
      issue.path.length === 0 && issue.code === 'unrecognized_keys'
        ? issue.keys
        : issue.path.slice(0, 1).map(String),
    ),
  );
}

function without(value: unknown, keys: ReadonlySet<string>): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.has(key)));
}
