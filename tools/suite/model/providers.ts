// InvarLock 0.3.7's dataset providers: those a suite may name, and why not the others.

export const OFFERED_PROVIDERS = ['wikitext2', 'local_jsonl'] as const;

const FOR_OTHER_MODELS =
  'is for models with an encoder and a decoder, and the suite evaluates models that only decode';

/** What is wrong with each of the others, as the end of a sentence that begins with its name. */
export const REFUSED_PROVIDERS: Readonly<Record<string, string>> = {
  hf_text:
    'reads the same first rows in every run, whatever the seed, so calibrations could not differ; ' +
    'write the rows into a .jsonl file and use local_jsonl, which gives every run lines of its own',
  synthetic: 'repeats fifteen sentences with small changes, and perplexity on them says nothing of a model',
  seq2seq: FOR_OTHER_MODELS,
  hf_seq2seq: FOR_OTHER_MODELS,
  local_jsonl_pairs: FOR_OTHER_MODELS,
};

/** The end of a sentence about a provider of InvarLock that is not offered; undefined for any other word. */
export function refusalOf(provider: string): string | undefined {
  const reason = Object.hasOwn(REFUSED_PROVIDERS, provider) ? REFUSED_PROVIDERS[provider] : undefined;
  return reason === undefined
    ? undefined
    : `is not offered: it ${reason}. Offered: ${OFFERED_PROVIDERS.join(', ')}`;
}
