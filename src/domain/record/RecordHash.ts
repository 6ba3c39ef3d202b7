/** Where canonical bytes go, as of node:crypto's createHash: the hash itself is the caller's. */
export interface Sink {
  readonly update: (bytes: Uint8Array) => unknown
}

/** What every decider of the record puts out. */
export interface Output {
  readonly seq: number
  readonly kind: string
  readonly expiry?: string
  readonly message: object
  readonly exact: Float64Array
}

const toBytes = new TextEncoder()

/** Length first, so that no two sequences of parts give the same bytes. */
const part = (sink: Sink, bytes: Uint8Array): void => {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, bytes.length)
  sink.update(length)
  sink.update(bytes)
}

/** Numbers as big-endian doubles with one NaN and one zero, whatever machine and operation they came from. */
const numbers = (values: Float64Array): Uint8Array => {
  const bytes = new Uint8Array(values.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [at, value] of values.entries()) {
    if (Number.isNaN(value)) view.setUint32(at * 8, 0x7ff80000)
    else view.setFloat64(at * 8, value + 0)
  }
  return bytes
}

/** Feeds outputs in their order: two runs of one record are equal when their hashes are. */
export const feed = (sink: Sink, outputs: Iterable<Output>): void => {
  for (const { seq, kind, expiry, message, exact } of outputs) {
    part(sink, toBytes.encode(JSON.stringify([seq, kind, expiry ?? null, message])))
    part(sink, numbers(exact))
  }
}
