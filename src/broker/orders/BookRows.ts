import { Effect, type Either } from "effect"
import { nextTurn } from "../../loop/Turn.ts"

/** Decoding a row takes as long as this many comparisons of rows. */
const decodeCost = 100
/** Comparisons before sockets and timers get a turn: a few milliseconds. */
const costMax = 1_000

/**
 * Reads the rows of an account's order book, which contains all orders of the day. Nearly all rows equal those of the previous reading, and
 * only the others are decoded. A row that did not change is the same object in both readings.
 */
export const make = <A>(decode: (row: unknown, at: number) => Either.Either<A, string>) => {
  let known: ReadonlyMap<string, A> = new Map()
  return (rows: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<A>, string> =>
    Effect.gen(function* () {
      const read = new Map<string, A>()
      const all: Array<A> = []
      let cost = 0
      for (const [at, row] of rows.entries()) {
        const text = JSON.stringify(row)
        const same = known.get(text)
        const one = same ?? (yield* decode(row, at))
        read.set(text, one)
        all.push(one)
        cost += same === undefined ? decodeCost : 1
        if (cost < costMax) continue
        cost = 0
        yield* nextTurn
      }
      known = read
      return all
    })
}
