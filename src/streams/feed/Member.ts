import { Effect } from "effect"
import type * as HandOver from "../HandOver.ts"
import type { Message, NatsError } from "../JetStream.ts"
import * as Record from "../Record.ts"
import type { Gap } from "../reads/Arrivals.ts"

/** A message of the record with its decoded content. */
export interface Taken extends Message {
  readonly input: Record.Decoded
}
export type Item = Taken | Gap

/** One actor that reads the record through the process's shared read. */
export interface Member {
  readonly frames: ReadonlySet<string>
  /** Subjects of frames and definitions; every member gets the clocks. */
  readonly subjects: ReadonlySet<string>
  readonly out: HandOver.HandOver<Item, NatsError>
  /** Opens when this member has read everything before it joined; the shared read waits for it. */
  readonly live: Effect.Latch
  isLive: boolean
  /** This member takes the shared read's messages behind this sequence. It has read earlier ones itself. */
  joinedAt: number
  /** Items that were not handed over yet. */
  held: Array<Item>
  /** True when the held items should be handed over. */
  isDue: boolean
  /** True when an item was held at the last check and has not been handed over since. */
  isAged: boolean
}

export const taken = (message: Message): Taken => Object.assign(message, { input: Record.decode(message) })

/** Hands over the held items, as far as there is room; true when nothing is left. */
export const handOver = (member: Member): boolean => {
  member.isAged = false
  member.isDue = false
  if (member.held.length === 0) return true
  if (!member.isLive) return false
  member.held = member.out.offer(member.held)
  return member.held.length === 0
}

/** Hands over all held items. It waits while this actor is joining or is behind, so the shared read slows down and loses nothing. */
export const handOverAll = (member: Member) =>
  Effect.zipRight(
    member.live.await,
    Effect.suspend(() => {
      const { held } = member
      member.held = []
      return member.out.offerAll(held)
    })
  )
