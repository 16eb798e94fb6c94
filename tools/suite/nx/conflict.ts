// Conflict markers of a merge in a generated file: what it said on our side can still be read.

const MARKER = /^(<{7}|\|{7}|={7}|>{7})( |$)/m;

export function hasConflictMarkers(text: string): boolean {
  return MARKER.test(text);
}

/** The text as our side of the merge had it; unchanged where there are no markers. */
export function ourSide(text: string): string {
  let side: 'both' | 'ours' | 'theirs' = 'both';
  const kept = text.split('\n').filter((line) => {
    if (/^<{7}( |$)/.test(line)) side = 'ours';
    else if (side !== 'both' && /^(\|{7}|={7})( |$)/.test(line)) side = 'theirs';
    else if (side === 'theirs' && /^>{7}( |$)/.test(line)) side = 'both';
    else return side !== 'theirs';
    return false;
  });
  return kept.join('\n');
}
