import { Effect, Option } from "effect"
import { JetStream } from "../JetStream.ts"
import * as OrderedRead from "../OrderedRead.ts"
import * as Patience from "../Patience.ts"
import * as Record from "../Record.ts"
import { type Item, type Member, taken } from "./Member.ts"
import { always, wants as wanted } from "./Members.ts"
import { isTimely } from "./Timely.ts"

/** A joining actor that is this close to the newest message switches to the shared read. */
const nearMax = 200
/** Pause between two reads while the last messages before the join arrive. */
const pollMs = 5
const lookUpsMax = 8
/** The reader's end interrupts the wait. */
const waiting: Patience.Waiting = { actor: "feed", isWanted: () => true }

/** The sequence of the newest message in the record that matches any of these filters, or 0 if no message matches. */
const newest = (filters: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const found = yield* Effect.forEach(filters, (filter) => jetStream.last(Record.stream, filter), { concurrency: lookUpsMax })
    return Math.max(0, ...found.flatMap(Option.toArray).map(({ seq }) => seq))
  })

/**
 * Reads the member's past until it is near the newest message, joins the shared read, and reads the few messages before the join. `join`
 * gets the sequence read so far, and returns the sequence after which the shared read serves the member.
 */
export const catchUp = (member: Member, afterSeq: number, isReal: boolean, join: (position: number) => number) =>
  Effect.gen(function* () {
    const filters = [...always, ...member.frames]
    const patiently = Patience.make(yield* JetStream)
    const past = yield* patiently(waiting, OrderedRead.make({ stream: Record.stream, filters, start: { _tag: "After", seq: afterSeq } }))
    let position = afterSeq
    let pending = past.pendingAtStart
    const wants = (subject: string) => wanted(member.subjects, subject) || Record.kindOf(subject) === "clock"
    const pass = (untilSeq: number) =>
      Effect.gen(function* () {
        const wanted: Array<Item> = []
        for (const item of yield* past.takeAll) {
          if (item._tag === "Gap") {
            position = item.to
            wanted.push(item)
          } else {
            position = item.seq
            pending = item.pending
            if (item.seq > untilSeq || !wants(item.subject)) continue
            const message = taken(item)
            if (isTimely(message, isReal)) wanted.push(message)
          }
        }
        yield* member.out.offerAll(wanted)
      })
    while (pending > nearMax) yield* pass(Number.POSITIVE_INFINITY)
    // A start outside the record is delivered as a gap, even if no message is pending.
    while (past.lastSeq() !== position) yield* pass(Number.POSITIVE_INFINITY)
    const joinedAt = join(position)
    // Looks up the newest message each time, because the record may drop it before it is read.
    while (position < joinedAt && position < (yield* patiently(waiting, newest(filters)))) {
      if (past.lastSeq() === position) yield* Effect.sleep(pollMs)
      else yield* pass(joinedAt)
    }
  }).pipe(Effect.scoped)
