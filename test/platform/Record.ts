import type { NatsConnection } from "nats"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as FrameHeader from "../../src/domain/record/FrameHeader.ts"

/**
 * Every frame of the record once: by subject, account and incarnation the numbers, the places of one token's packets, and the number of
 * interruptions.
 */
export const readRecord = async (nc: NatsConnection, token: number) => {
  const consumer = await nc.jetstream().consumers.get("MD_FRAMES", { filterSubjects: ["md.frame.>", "md.break.>"] })
  const numbers = new Map<string, Set<number>>()
  const places = new Set<string>()
  let packets = 0
  let breaks = 0
  for (let left = (await consumer.info()).num_pending; left > 0; ) {
    for await (const message of await consumer.fetch({ max_messages: 500, expires: 2_000 })) {
      left--
      if (message.subject.startsWith("md.break.")) {
        breaks++
        continue
      }
      const header = FrameHeader.parse(message.headers?.get(FrameHeader.name) ?? "") as FrameHeader.FrameHeader
      const key = `${message.subject} ${header.account} ${header.incarnation}`
      const seen = numbers.get(key) ?? new Set()
      numbers.set(key, seen)
      if (seen.has(header.number)) continue // sent again because its acknowledgement was lost
      seen.add(header.number)
      packets += Frame.packetCount(message.data)
      let row = 0
      Frame.forEachPacket(message.data, (offset) => {
        if (Frame.tokenAt(message.data, offset) === token) places.add(`${message.seq} ${row}`)
        row++
      })
    }
  }
  return { packets, numbers, places, breaks }
}

/** By token, the accounts whose packets came into the record behind a place. */
export const accountsByToken = async (nc: NatsConnection, afterSeq: number): Promise<ReadonlyMap<number, ReadonlySet<string>>> => {
  const consumer = await nc.jetstream().consumers.get("MD_FRAMES", { filterSubjects: ["md.frame.>"], opt_start_seq: afterSeq + 1 })
  const found = new Map<number, Set<string>>()
  for (let left = (await consumer.info()).num_pending; left > 0; ) {
    for await (const message of await consumer.fetch({ max_messages: Math.min(left, 500), expires: 2_000 })) {
      left--
      const header = FrameHeader.parse(message.headers?.get(FrameHeader.name) ?? "") as FrameHeader.FrameHeader
      Frame.forEachPacket(message.data, (offset) => {
        const token = Frame.tokenAt(message.data, offset)
        found.set(token, (found.get(token) ?? new Set()).add(header.account))
      })
    }
  }
  return found
}
