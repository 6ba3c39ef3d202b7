import type { MsgHdrs } from "nats"

const lineBreak = /[\r\n]/

/**
 * Headers as the bytes that go out (nats-io/nats-architecture-and-design, ADR-4). The client only ever asks headers for their bytes, and
 * building them by its own class costs five times as much. Throws on a line break, which would begin a header of its own.
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
