import { Effect } from "effect"
import { nextTurn } from "../loop/Turn.ts"

/** Elements worked on before the process's sockets and timers have a turn: one or two milliseconds of decoding. */
const sliceMax = 500

/** Works on many elements a slice at a time, so that a large read does not hold up the streams. */
export const flatMap = <A, B, E = never, R = never>(
  items: ReadonlyArray<A>,
  work: (slice: ReadonlyArray<A>, from: number) => Effect.Effect<ReadonlyArray<B>, E, R>
): Effect.Effect<ReadonlyArray<B>, E, R> =>
  Effect.gen(function* () {
    const found: Array<B> = []
    for (let at = 0; at < items.length; at += sliceMax) {
      if (at > 0) yield* nextTurn
      for (const one of yield* work(items.slice(at, at + sliceMax), at)) found.push(one)
    }
    return found
  })
