// Units of memory and disk: all sizes that people read are GiB.

/** Bytes of a GiB. */
export const GIB = 2 ** 30;
