// One place that turns whatever was thrown into a sentence.

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
