// How a text is cut into the windows that InvarLock evaluates.

export interface Windows {
  seq_len: number;
  stride: number;
  preview: number;
  final: number;
}
