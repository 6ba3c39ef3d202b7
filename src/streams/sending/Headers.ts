import type { MsgHdrs } from "nats"

const lineBreak = /[\r\n]/

/**
 * Headers as the bytes of the wire (nats-io/nats-architecture-and-design, ADR-4). The client only asks headers for their bytes, and its own
 * class costs five times as much to build. Throws on a line break, because it would begin another header.
 */
export const encoded = (headers: Iterable<readonly [name: string, value: string]>): MsgHdrs => {
  let text = "NATS/1.0\r\n"
  for (const [name, value] of headers) {
    if (lineBreak.test(name) || lineBreak.test(value)) throw new TypeError(`header ${JSON.stringify(name)} has a line break`)
    text += `${name}: ${value}\r\n`
  }
  const bytes = Buffer.from(`${text}\r\n`)
  return { encode: () => bytes } as unknown as MsgHdrs
}
