import { assert, describe, it } from "@effect/vitest"
import * as Inbox from "../../src/client/Inbox.ts"

const make = (max: number) => {
  const told: Array<string> = []
  const inbox = Inbox.make<number>({ max, onDrained: () => told.push("drained"), onLeft: () => told.push("left") })
  return { inbox, told, next: async () => (await inbox.iterator.next()).value }
}

describe("Inbox", () => {
  it("keeps events in order until they are read, then ends", async () => {
    const { inbox, next } = make(10)
    for (let at = 1; at <= 5_000; at++) {
      inbox.put(at)
      if (at % 2 === 0) assert.strictEqual(await next(), at / 2)
    }
    inbox.end()
    for (let at = 2_501; at <= 5_000; at++) assert.strictEqual(await next(), at)
    assert.strictEqual((await inbox.iterator.next()).done, true)
  })

  it("is full at its limit, and calls back when all events are read", async () => {
    const { inbox, told, next } = make(2)
    inbox.put(1)
    assert.isFalse(inbox.isFull())
    inbox.put(2)
    assert.isTrue(inbox.isFull())
    await next()
    assert.isFalse(inbox.isFull())
    await next()
    assert.deepStrictEqual(told, [])
    const waiting = next()
    assert.deepStrictEqual(told, ["drained"])
    inbox.put(3)
    assert.strictEqual(await waiting, 3)
  })

  it("receives events that are added during the callback", async () => {
    const inbox: Inbox.Inbox<number> = Inbox.make<number>({ max: 1, onDrained: () => inbox.put(7), onLeft: () => undefined })
    assert.strictEqual((await inbox.iterator.next()).value, 7)
  })

  it("gives two concurrent readers one event each", async () => {
    const { inbox, next } = make(10)
    const both = Promise.all([next(), next()])
    inbox.put(1)
    inbox.put(2)
    assert.deepStrictEqual(await both, [1, 2])
  })

  it("calls back when the reader leaves", async () => {
    const { inbox, told } = make(2)
    inbox.put(1)
    for await (const event of { [Symbol.asyncIterator]: () => inbox.iterator }) {
      assert.strictEqual(event, 1)
      break
    }
    assert.deepStrictEqual(told, ["left"])
  })
})
