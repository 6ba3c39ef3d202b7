import { Effect } from "effect"
import { nextTurn } from "../loop/Turn.ts"

/** Elements processed before sockets and timers get a turn: one or two milliseconds of decoding. */
const sliceMax = 500

/** Processes many elements in slices of at most `max`, so that a large read does not delay the streams. */
export const flatMap = <A, B, E = never, R = never>(
  items: ReadonlyArray<A>,
  work: (slice: ReadonlyArray<A>, from: number) => Effect.Effect<ReadonlyArray<B>, E, R>,
  max: number = sliceMax
): Effect.Effect<ReadonlyArray<B>, E, R> =>
  Effect.gen(function* () {
    const found: Array<B> = []
    for (let at = 0; at < items.length; at += max) {
      if (at > 0) yield* nextTurn
      for (const one of yield* work(items.slice(at, at + max), at)) found.push(one)
    }
    return found
  })
