// How long a plan takes at least where each step waits for others, however many machines there are.

export interface ChainStep {
  id: string;
  seconds: number;
  /** Ids of the steps that end before it starts; those of no step count as over. */
  after: readonly string[];
}

/** Seconds of the longest chain of steps, each after the one it waits for; 0 of none. */
export function longestChainSeconds(steps: readonly ChainStep[]): number {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const ends = new Map<string, number>();
  const endOf = (id: string): number => {
    const step = byId.get(id);
    if (step === undefined) return 0;
    const known = ends.get(id);
    if (known !== undefined) return known;
    // A circle, which no plan has, is no endless one.
    ends.set(id, 0);
    const end = step.seconds + Math.max(0, ...step.after.map(endOf));
    ends.set(id, end);
    return end;
  };
  return Math.max(0, ...steps.map(({ id }) => endOf(id)));
}
