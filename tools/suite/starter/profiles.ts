// What a new suite asks of its models, by how much time there is: `--profile` of nx g ./tools:suite.
import { DEFAULT_ERRORS, type Benchmark, type ErrorType } from '../model/suite.js';
import type { Windows } from '../model/windows.js';

export const PROFILES = ['laptop', 'host', 'seed'] as const;
export type ProfileName = (typeof PROFILES)[number];

export interface Profile {
  /** Where it is meant for, and what it does where nothing else is chosen. */
  what: string;
  does: string;
  clean: readonly string[];
  /** Ranks of lowrank_svd, lowered where a model is too small for them. */
  stress: readonly string[];
  errors: readonly ErrorType[];
  errorLimit: number;
  benchmarks: readonly Benchmark[];
  /** Of a benchmark named by itself. */
  fewshot: number;
  limit: number | 'all';
  runs: { calibration: number; clean: number; stress: number };
  /** Of every size; else those of the model's size class. */
  windows?: Windows;
}

/** What the original script asks of every model. */
const ORIGINAL = {
  clean: ['quant_rtn:8:128:ffn', 'fp4_quant:e2m1:ffn', 'magnitude_prune:0.1:ffn', 'lowrank_svd:256:ffn'],
  stress: ['quant_rtn:4:32:all', 'fp4_quant:aggressive:all', 'magnitude_prune:0.5:all', 'lowrank_svd:32:all'],
  errors: DEFAULT_ERRORS,
  errorLimit: 800,
  benchmarks: [
    { name: 'mmlu', task: 'mmlu', fewshot: 5 },
    { name: 'hellaswag', task: 'hellaswag', fewshot: 5 },
    { name: 'arc', task: 'arc_challenge', fewshot: 5 },
    { name: 'winogrande', task: 'winogrande', fewshot: 5 },
  ],
  fewshot: 5,
};

export const PROFILE: Record<ProfileName, Profile> = {
  laptop: {
    what: 'a processor and an evening',
    does: 'five edits, 800 items a benchmark',
    clean: ['quant_rtn:8:128:ffn', 'magnitude_prune:0.1:ffn'],
    stress: ['quant_rtn:3:128:all', 'magnitude_prune:0.5:all', 'lowrank_svd:64:all'],
    errors: ['nan_injection', 'extreme_quant', 'scale_explosion'],
    errorLimit: 800,
    benchmarks: [
      { name: 'hellaswag', task: 'hellaswag', fewshot: 0 },
      { name: 'arc', task: 'arc_easy', fewshot: 0 },
      { name: 'winogrande', task: 'winogrande', fewshot: 0 },
    ],
    fewshot: 0,
    limit: 800,
    runs: { calibration: 2, clean: 1, stress: 1 },
    windows: { seq_len: 256, stride: 256, preview: 240, final: 240 },
  },
  host: {
    what: 'a host with GPUs and a night',
    does: 'eight edits, 2000 items a benchmark',
    ...ORIGINAL,
    limit: 2000,
    runs: { calibration: 3, clean: 2, stress: 1 },
  },
  seed: {
    what: 'a host with GPUs and days, as the original script',
    does: 'its eight edits, every item and as many runs',
    ...ORIGINAL,
    limit: 'all',
    runs: { calibration: 5, clean: 3, stress: 2 },
  },
};
