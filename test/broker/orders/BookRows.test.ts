import { expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as BookRows from "../../../src/broker/orders/BookRows.ts"

interface Row {
  readonly order_id: string
  readonly status?: string
}
const counting = () => {
  const decoded: Array<string> = []
  const read = BookRows.make((row, at) => {
    const { order_id, status } = row as Row
    if (status === undefined) return Either.left(`data.${at} has no status`)
    decoded.push(`${order_id} ${status}`)
    return Either.right({ order_id, status })
  })
  return { decoded, read }
}
const rows = (count: number, status: string): ReadonlyArray<Row> =>
  Array.from({ length: count }, (_, at) => ({ order_id: String(at), status }))

it.effect("decodes the rows that changed since the last reading, and gives the others as the same objects", () =>
  Effect.gen(function* () {
    const { decoded, read } = counting()
    const first = yield* read(rows(3, "OPEN"))
    expect(decoded).toEqual(["0 OPEN", "1 OPEN", "2 OPEN"])
    decoded.length = 0
    const second = yield* read([
      { order_id: "0", status: "OPEN" },
      { order_id: "1", status: "COMPLETE" },
      { order_id: "2", status: "OPEN" },
      { order_id: "3", status: "OPEN" }
    ])
    expect(decoded).toEqual(["1 COMPLETE", "3 OPEN"])
    expect(second.map(({ order_id, status }) => `${order_id} ${status}`)).toEqual(["0 OPEN", "1 COMPLETE", "2 OPEN", "3 OPEN"])
    expect(second[0]).toBe(first[0])
    expect(second[2]).toBe(first[2])
  })
)

it.effect("forgets a row that is no longer in the book", () =>
  Effect.gen(function* () {
    const { decoded, read } = counting()
    yield* read(rows(1, "OPEN"))
    yield* read([])
    yield* read(rows(1, "OPEN"))
    expect(decoded).toEqual(["0 OPEN", "0 OPEN"])
  })
)

it.effect("fails with the place of a row that cannot be read, and reads the rest again the next time", () =>
  Effect.gen(function* () {
    const { decoded, read } = counting()
    expect(yield* Effect.flip(read([...rows(2, "OPEN"), { order_id: "2" }]))).toBe("data.2 has no status")
    decoded.length = 0
    expect(yield* read(rows(3, "OPEN"))).toHaveLength(3)
    expect(decoded).toHaveLength(3)
  })
)

it.live("lets sockets and timers have a turn while it decodes a long book", () =>
  Effect.gen(function* () {
    const { decoded, read } = counting()
    const count = 100
    const decodedAtTurn = Effect.async<number>((resume) => void setImmediate(() => resume(Effect.succeed(decoded.length))))
    const [, atTurn] = yield* Effect.all([read(rows(count, "OPEN")), decodedAtTurn], { concurrency: 2 })
    expect(atTurn).toBeLessThan(count)
    expect(decoded).toHaveLength(count)
  })
)
