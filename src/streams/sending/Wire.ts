import { ErrorCode, type NatsConnection, NatsError } from "nats"

/** A publish with a reply subject, under which the server answers. Headers are the bytes of the wire; none if empty. */
export interface Publish {
  readonly subject: string
  readonly reply: string
  readonly headers: Uint8Array
  readonly data: Uint8Array
}

/** The part of the client that takes commands as bytes. The client does not declare it, so package.json pins the client's version. */
interface Protocol {
  readonly sendCommand: (command: Uint8Array) => void
  /** True once the client has sent its last message. */
  readonly noMorePublishing: boolean
}

/** The size of the chunks that are given to the client. */
const chunkBytes = 131_072
/** Larger messages go through the client's own publish, which does not copy them. */
export const smallMax = 8_192
/** A UTF-16 unit takes at most this many bytes of UTF-8. */
const bytesPerUnit = 3
/** The most bytes of a command besides its subjects, headers and data. */
const fixedBytes = 64

const protocolOf = (nc: NatsConnection): Protocol => {
  const { protocol } = nc as unknown as { readonly protocol?: Partial<Protocol> }
  if (typeof protocol?.sendCommand !== "function")
    throw new Error("this version of the nats client takes no bytes; use that of package.json")
  return protocol as Protocol
}

/**
 * Writes publishes as the server reads them (docs.nats.io, client protocol: HPUB and PUB). The client's own publish encodes a text, checks
 * options and queues four pieces for each message, which costs more than all else that happens to a small message. `add` throws where the
 * client's publish throws; `end` sends what was added.
 */
export const make = (nc: NatsConnection) => {
  const protocol = protocolOf(nc)
  /** Bytes that the client does not have yet; it keeps what it got until the socket has taken it. */
  let chunk = Buffer.alloc(0)
  let used = 0

  const end = (): void => {
    if (used > 0) protocol.sendCommand(chunk.subarray(0, used))
    chunk = chunk.subarray(used)
    used = 0
  }

  const add = ({ subject, reply, headers, data }: Publish): void => {
    if (nc.isClosed()) throw NatsError.errorForCode(ErrorCode.ConnectionClosed)
    if (protocol.noMorePublishing) throw NatsError.errorForCode(ErrorCode.ConnectionDraining)
    const bytes = headers.length + data.length
    const most = bytesPerUnit * (subject.length + reply.length) + fixedBytes + bytes
    if (chunk.length - used < most) {
      end()
      if (chunk.length < most) chunk = Buffer.allocUnsafeSlow(chunkBytes)
    }
    const command =
      headers.length === 0 ? `PUB ${subject} ${reply} ${bytes}\r\n` : `HPUB ${subject} ${reply} ${headers.length} ${bytes}\r\n`
    used += chunk.write(command, used)
    chunk.set(headers, used)
    used += headers.length
    chunk.set(data, used)
    used += data.length
    chunk[used++] = 0x0d
    chunk[used++] = 0x0a
  }

  return { add, end } as const
}
