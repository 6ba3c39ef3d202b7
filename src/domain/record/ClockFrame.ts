/**
 * md.clock.<account>: market time in milliseconds, one big-endian IEEE double. All frames of that account received before this time
 * are earlier in the stream. Only these messages advance event time and close windows, so a replay sees the same windows.
 */
const byteLength = 8

export const encode = (atMs: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(byteLength)
  new DataView(bytes.buffer).setFloat64(0, atMs)
  return bytes
}

/** Market time in ms; NaN for bytes that `encode` did not write. */
export const decode = (bytes: Uint8Array): number => {
  if (bytes.byteLength !== byteLength) return Number.NaN
  const atMs = new DataView(bytes.buffer, bytes.byteOffset, byteLength).getFloat64(0)
  return Number.isSafeInteger(atMs) && atMs >= 0 ? atMs : Number.NaN
}
