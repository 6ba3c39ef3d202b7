import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import * as Wishes from "../../src/client/Wishes.ts"

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
})
afterEach(() => vi.useRealTimers())

const make = () => {
  const asked: Array<string> = []
  const connection = { isOpen: true }
  const wishes = Wishes.make<number>({
    keyOf: (item) => item,
    isOpen: () => connection.isOpen,
    ask: (items, isAgain) => asked.push(`${items.join()}${isAgain ? " again" : ""}`)
  })
  return { wishes, asked, connection }
}
/** Longer than any wait. */
const later = () => vi.advanceTimersByTime(10_000)

describe("Wishes", () => {
  it("are requested while there is a connection, and all of them at each new one", () => {
    const { wishes, asked, connection } = make()
    connection.isOpen = false
    wishes.add([1, 2])
    assert.deepStrictEqual(asked, [])
    connection.isOpen = true
    wishes.begin()
    wishes.add([3])
    wishes.remove([1])
    wishes.begin()
    assert.deepStrictEqual(asked, ["1,2", "3", "2,3 again"])
  })

  it("that may pass are requested again, unless they were granted or removed", () => {
    const { wishes, asked } = make()
    wishes.begin()
    wishes.add([1, 2, 3])
    wishes.granted([1])
    wishes.refused([2, 3], true)
    wishes.remove([3])
    wishes.refused([2], true)
    assert.deepStrictEqual(asked, ["1,2,3"])
    later()
    assert.deepStrictEqual(asked, ["1,2,3", "2 again"])
    wishes.granted([2])
    later()
    assert.strictEqual(asked.length, 2)
  })

  it("that may pass are requested until granted, at growing intervals", () => {
    const { wishes, asked } = make()
    wishes.begin()
    wishes.add([1])
    for (let answer = 0; answer < 50; answer++) {
      wishes.refused([1], true)
      later()
    }
    assert.strictEqual(asked.length, 51)
    wishes.refused([1], true)
    vi.advanceTimersByTime(3_000)
    assert.strictEqual(asked.length, 51)
    wishes.begin()
    wishes.refused([1], true)
    vi.advanceTimersByTime(500)
    assert.deepStrictEqual(asked.slice(51), ["1 again", "1 again"])
  })

  it("that may not pass are dropped, also on another connection, until they are added again", () => {
    const { wishes, asked } = make()
    wishes.begin()
    wishes.add([1, 2])
    wishes.refused([2], false)
    wishes.refused([], false)
    later()
    wishes.begin()
    wishes.add([2])
    wishes.begin()
    assert.deepStrictEqual(asked, ["1,2", "1 again", "2", "1,2 again"])
  })

  it("request nothing after the end, nor on a closed connection", () => {
    const { wishes, asked, connection } = make()
    wishes.begin()
    wishes.add([1])
    wishes.refused([1], true)
    connection.isOpen = false
    later()
    connection.isOpen = true
    wishes.refused([1], true)
    wishes.end()
    later()
    assert.deepStrictEqual(asked, ["1"])
  })
})
