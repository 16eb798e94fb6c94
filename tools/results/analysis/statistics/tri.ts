// Three-valued logic: what is unknown is neither a pass nor a detection.

/** `null`: not known, because a flag or a file is missing. */
export type Tri = boolean | null;

/** False if one is false; else unknown if one is unknown or there is none; else true. */
export function allOf(values: readonly Tri[]): Tri {
  if (values.includes(false)) return false;
  return values.length === 0 || values.includes(null) ? null : true;
}

/** True if one is true; else unknown if one is unknown or there is none; else false. */
export function anyOf(values: readonly Tri[]): Tri {
  if (values.includes(true)) return true;
  return values.length === 0 || values.includes(null) ? null : false;
}

export function not(value: Tri): Tri {
  return value === null ? null : !value;
}
