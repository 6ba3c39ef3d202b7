/** Receives canonical bytes, like node:crypto's createHash. The caller provides the hash. */
export interface Sink {
  readonly update: (bytes: Uint8Array) => unknown
}

/** The form of every decider's outputs. */
export interface Output {
  readonly seq: number
  readonly kind: string
  readonly expiry?: string
  readonly message: object
  readonly exact: Float64Array
}

const toBytes = new TextEncoder()

/** The length comes first, so that different sequences of parts never give the same bytes. */
const part = (sink: Sink, bytes: Uint8Array): void => {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, bytes.length)
  sink.update(length)
  sink.update(bytes)
}

/** Numbers as big-endian doubles with one NaN and one zero, so that the bytes do not depend on machine or operation. */
const numbers = (values: Float64Array): Uint8Array => {
  const bytes = new Uint8Array(values.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [at, value] of values.entries()) {
    if (Number.isNaN(value)) view.setUint32(at * 8, 0x7ff80000)
    else view.setFloat64(at * 8, value + 0)
  }
  return bytes
}

/** Feeds outputs in their order. Two runs of one record are equal if their hashes are equal. */
export const feed = (sink: Sink, outputs: Iterable<Output>): void => {
  for (const { seq, kind, expiry, message, exact } of outputs) {
    part(sink, toBytes.encode(JSON.stringify([seq, kind, expiry ?? null, message])))
    part(sink, numbers(exact))
  }
}
