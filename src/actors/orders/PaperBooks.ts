import { Effect, FiberMap, Option, Schedule } from "effect"
import * as Books from "../../domain/market/depth/Books.ts"
import * as FrameGuard from "../../domain/market/FrameGuard.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import type * as FrameHeader from "../../domain/record/FrameHeader.ts"
import type * as RecordInput from "../../domain/record/RecordInput.ts"
import { FrameFeed, type Item } from "../../streams/FrameFeed.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as KeyframeReads from "../../streams/KeyframeReads.ts"
import * as Record from "../../streams/Record.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as RecordPlace from "../runtime/RecordPlace.ts"

/** An order book, and when the stream of its `seq` was created. */
export interface Book extends Books.Book {
  readonly createdMs: number
}

/** The books of one underlying's instruments. */
interface Followed {
  readonly books: Books.Books
  readonly caughtUp: Effect.Latch
  createdMs: number
}

/** The most instruments of one underlying whose books are kept. No exchange lists as many. */
const booksMax = 20_000
const againEvery = "1 second"

const find = ({ books, createdMs }: Followed, token: number, sinceMs: number): Book | undefined => {
  const book = books.find(token, sinceMs)
  return book === undefined ? undefined : { ...book, createdMs }
}

export interface Wishes {
  readonly wants: (token: number) => boolean
  /** Gets each new packet of a wanted instrument. */
  readonly onBook: (token: number, book: Book) => void
  /** False for a frame whose prices must not fill the account's orders. */
  readonly trusts: (header: FrameHeader.FrameHeader) => boolean
}

/** The live books of the instruments that an account's paper orders name, from the record. */
export const make = ({ onBook, trusts, wants }: Wishes) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const feed = yield* FrameFeed
    const fibers = yield* FiberMap.make<string>()
    const all = new Map<string, Followed>()
    const keyOf = ({ exchange, name }: Instrument.Underlying) => Instrument.symbolKey(exchange, name)

    const fold = (to: Followed, { bytes, header, seq }: RecordInput.Frame | RecordInput.Keyframe): void => {
      if (!trusts(header)) return
      to.books.apply(header, bytes, seq, (token) => {
        const book = wants(token) ? find(to, token, 0) : undefined
        if (book !== undefined) onBook(token, book)
      })
    }

    /** Reads one underlying from its newest keyframes on. */
    const read = (to: Followed, { exchange, name }: Instrument.Underlying) =>
      Effect.gen(function* () {
        const underlying = { exchange, underlying: name }
        const subject = Subjects.Frame.at(underlying)
        const guard = FrameGuard.make()
        const record = yield* jetStream.info(Record.stream)
        to.createdMs = record.createdMs
        const newest = yield* jetStream.last(Record.stream, subject)
        const reachSeq = Option.match(newest, { onNone: () => 0, onSome: ({ seq }) => seq })
        const keyframes = yield* KeyframeReads.newest([underlying])
        const setup = { frames: [subject], references: [Subjects.MarketReference.at(underlying)] }
        const { afterSeq } = yield* RecordPlace.find({ setup, underlyings: [underlying], keyframes, record, leftAt: Option.none() })
        for (const message of keyframes) {
          const input = Record.decode(message)
          if (input._tag !== "Keyframe") continue
          if (FrameGuard.startAt(guard, input.header)) fold(to, input)
        }
        const subscription = yield* feed.subscribe({ frames: [subject], definitions: [], afterSeq })
        const take = (item: Item): void => {
          if (item._tag === "Gap") {
            if (item.to >= reachSeq) to.caughtUp.unsafeOpen()
            return
          }
          const { input } = item
          if (input._tag === "Frame" && FrameGuard.accept(guard, input.header) !== FrameGuard.dropped) fold(to, input)
          if (item.seq >= reachSeq) to.caughtUp.unsafeOpen()
        }
        if (afterSeq >= reachSeq) to.caughtUp.unsafeOpen()
        return yield* subscription.takeWhile((items) => {
          for (const item of items) take(item)
          return true
        })
      }).pipe(Effect.scoped, Effect.provideService(JetStream, jetStream))

    const follow = (underlying: Instrument.Underlying) =>
      Effect.gen(function* () {
        const key = keyOf(underlying)
        const known = all.get(key)
        if (known !== undefined) return known
        const to: Followed = { books: new Books.Books(booksMax), caughtUp: yield* Effect.makeLatch(), createdMs: 0 }
        all.set(key, to)
        const again = read(to, underlying).pipe(
          Effect.catchAllCause((cause) => Effect.logWarning("the books of paper orders are not read, trying again", cause)),
          Effect.repeat(Schedule.spaced(againEvery)),
          Effect.annotateLogs({ underlying: key })
        )
        yield* FiberMap.run(fibers, key, again)
        return to
      })

    return {
      /** Begins to read an underlying, and waits until its newest packets are known. */
      reached: (underlying: Instrument.Underlying) => Effect.flatMap(follow(underlying), ({ caughtUp }) => caughtUp.await),
      follow: (underlying: Instrument.Underlying) => Effect.asVoid(follow(underlying)),
      /** Undefined before the first packet with depth, and for one received before `sinceMs`. */
      find: (underlying: Instrument.Underlying, token: number, sinceMs: number): Book | undefined => {
        const followed = all.get(keyOf(underlying))
        return followed === undefined ? undefined : find(followed, token, sinceMs)
      }
    } as const
  })
