import { Effect } from "effect"
import { inTime, nextTurn } from "../../loop/Turn.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Connection } from "../sockets/Connection.ts"
import { ReplayAborted, type ReplayPlace, reportGap } from "./ReplayPlace.ts"

/** The most frames that wait in this process to be delivered. */
const bufferMax = 100
/** The longest wait for the next message while the server owes some. */
const silenceMsMax = 5_000
/**
 * How many looks in a row, one every 10 ms, may find a client without room for more of its replay. A slower one would block the replays
 * of others. Looks are counted instead of time, because a busy machine stops this process together with what the client has sent.
 */
const roomLooksMax = 200
const roomLookMs = 10
/** The longest time that a replay works without letting other work run. */
const sliceMs = 5

/** Waits until the client has read enough to take more. */
const waitForRoom = (connection: Connection) =>
  Effect.gen(function* () {
    yield* nextTurn
    for (let looks = 0; looks < roomLooksMax; looks++) {
      connection.flush(performance.now())
      if (!connection.isOpen) return yield* new ReplayAborted({ reason: "the client is gone" })
      if (connection.hasRoom) return
      yield* Effect.sleep(roomLookMs)
    }
    return yield* new ReplayAborted({ reason: "the client reads too slowly" })
  })

/** Delivers the ticks of one frame that the client has not had, as fast as the client reads. */
const deliver = (place: ReplayPlace, message: Message) =>
  Effect.gen(function* () {
    const { connection, tokens, since } = place
    const texts: Array<readonly [token: number, text: string]> = []
    place.past.read(
      message,
      (token) => tokens.has(token),
      (token, text, row) => {
        if (message.seq > since.seq || row > (since.row ?? row)) texts.push([token, text])
      }
    )
    for (const [token, text] of texts) {
      if (!connection.hasRoom || performance.now() - place.sliceAtMs > sliceMs) {
        yield* waitForRoom(connection)
        place.sliceAtMs = performance.now()
      }
      connection.replayed(token, text)
    }
    place.seq = message.seq
    place.ticks += texts.length
    place.budget--
  })

const take = (place: ReplayPlace, item: Message | OrderedRead.Gap, epoch: () => number) =>
  Effect.gen(function* () {
    if (item._tag === "Message") {
      if (item.seq > place.untilSeq) place.seq = place.untilSeq
      else if (item.seq <= place.seq) place.past.remember(item)
      else yield* deliver(place, item)
    } else if (item.recreated) {
      return yield* new ReplayAborted({ reason: "the record was created again" })
    } else if (item.to > place.seq) {
      // Newer sequences are still to come live.
      const to = Math.min(item.to, place.untilSeq)
      reportGap(place.connection, epoch(), place.seq + 1, to)
      place.seq = to
    }
    if (place.budget <= 0) return yield* new ReplayAborted({ reason: "too much was missed" })
  })

/** Reads MD_FRAMES from the place to its `untilSeq` through a consumer made for this pass. `epoch` is the record's present one. */
export const run = (place: ReplayPlace, js: JetStream, epoch: () => number) =>
  Effect.gen(function* () {
    const start = { _tag: "After", seq: Math.max(0, place.seq - place.lookBack) } as const
    const read = yield* OrderedRead.make({ stream: Subjects.Frame.stream, filters: place.filters, start, bufferMax })
    let left = read.pendingAtStart
    if (left - place.lookBack > place.budget) return yield* new ReplayAborted({ reason: "too much was missed" })
    // A start before the record's first message is reported as a gap, even when no message is left.
    const isCut = read.lastSeq() > start.seq
    for (let first = isCut; place.seq < place.untilSeq && (left > 0 || first); first = false) {
      const items = yield* inTime(read.takeAll, silenceMsMax, () => new ReplayAborted({ reason: "the record does not answer" }))
      for (const item of items) {
        if (item._tag === "Message") left = Math.min(left - 1, item.pending)
        yield* take(place, item, epoch)
      }
    }
    place.seq = place.untilSeq
    place.lookBack = 0
  }).pipe(Effect.scoped, Effect.provideService(JetStream, js))
