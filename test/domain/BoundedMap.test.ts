import { assert, describe, it } from "@effect/vitest"
import { BoundedMap } from "../../src/domain/BoundedMap.ts"

const three = (): BoundedMap<string, number> => {
  const map = new BoundedMap<string, number>(3)
  map.set("a", 1).set("b", 2).set("c", 3)
  return map
}

describe("BoundedMap", () => {
  it("drops the first entry when one is too many", () => {
    const map = three().set("d", 4)
    assert.deepStrictEqual(
      [...map],
      [
        ["b", 2],
        ["c", 3],
        ["d", 4]
      ]
    )
  })

  it("drops nothing for an entry that is set again, which keeps its place", () => {
    const map = three().set("a", 5)
    assert.deepStrictEqual(
      [...map],
      [
        ["a", 5],
        ["b", 2],
        ["c", 3]
      ]
    )
    assert.deepStrictEqual([...map.set("d", 4).keys()], ["b", "c", "d"])
  })

  it("moves an entry that is renewed to the end", () => {
    const map = three()
    map.renew("a", 5)
    assert.deepStrictEqual(
      [...map],
      [
        ["b", 2],
        ["c", 3],
        ["a", 5]
      ]
    )
    map.renew("d", 4)
    assert.deepStrictEqual(
      [...map],
      [
        ["c", 3],
        ["a", 5],
        ["d", 4]
      ]
    )
  })

  it("has room again after an entry was deleted", () => {
    const map = three()
    map.delete("b")
    assert.deepStrictEqual([...map.set("d", 4).keys()], ["a", "c", "d"])
    map.clear()
    assert.strictEqual(map.set("e", 5).size, 1)
  })

  it("holds any key, also undefined", () => {
    const map = new BoundedMap<string | undefined, number>(1)
    map.set(undefined, 1).set("a", 2)
    assert.deepStrictEqual([...map], [["a", 2]])
  })
})
