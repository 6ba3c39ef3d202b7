import type { NatsConnection } from "nats"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"

export interface RecordedFrame {
  readonly seq: number
  readonly header: FrameHeader.FrameHeader
  readonly data: Uint8Array
}

/** Every frame behind a place of the record once, in the record's order. A frame is sent again if its acknowledgement was late. */
export const framesAfter = async (nc: NatsConnection, afterSeq = 0): Promise<ReadonlyArray<RecordedFrame>> => {
  const consumer = await nc.jetstream().consumers.get("MD_FRAMES", { filterSubjects: ["md.frame.>"], opt_start_seq: afterSeq + 1 })
  const found = new Map<string, RecordedFrame>()
  for (let left = (await consumer.info()).num_pending; left > 0; ) {
    for await (const message of await consumer.fetch({ max_messages: Math.min(left, 2_000), expires: 5_000 })) {
      left--
      const header = FrameHeader.parse(message.headers?.get(FrameHeader.name) ?? "") as FrameHeader.FrameHeader
      const id = `${message.subject} ${header.account} ${header.incarnation} ${header.number}`
      if (!found.has(id)) found.set(id, { seq: message.seq, header, data: message.data })
    }
  }
  return [...found.values()]
}

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
  const found = new Map<number, Set<string>>()
  for (const { data, header } of await framesAfter(nc, afterSeq))
    Frame.forEachPacket(data, (offset) => {
      const token = Frame.tokenAt(data, offset)
      found.set(token, (found.get(token) ?? new Set()).add(header.account))
    })
  return found
}
