import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { Unpackr } from "msgpackr"
import * as MessagePack from "../../../src/gateway/sockets/MessagePack.ts"

/** Reads the integers of 64 bits as numbers, which JSON.parse does as well. */
const asNumbers = new Unpackr({ useRecords: false, int64AsType: "number" })
/** Reads the integers of 64 bits as BigInt, so that a test can distinguish them from floats. */
const exact = new Unpackr({ useRecords: false })

const integers = FastCheck.oneof(
  FastCheck.maxSafeInteger(),
  FastCheck.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31), -(2 ** 31) - 1)
)
const texts = FastCheck.letrec((tie) => ({
  value: FastCheck.oneof(
    { maxDepth: 4 },
    FastCheck.constantFrom(null, true, false),
    integers,
    FastCheck.double({ noNaN: true, noDefaultInfinity: true }),
    FastCheck.string({ unit: "binary" }),
    FastCheck.array(tie("value"), { maxLength: 20 }),
    FastCheck.dictionary(
      // The decoder renames this key, and no message has it.
      FastCheck.string({ unit: "binary" }).filter((name) => name !== "__proto__"),
      tie("value"),
      { maxKeys: 20 }
    )
  )
})).value.map((value) => JSON.stringify(value))

const wholeBatch = (items: ReadonlyArray<string>, conflated: number): string =>
  `{"type":"batch","items":[${items.join(",")}]${conflated > 0 ? `,"conflated":${conflated}` : ""}}`
const assertBatch = (items: ReadonlyArray<string>, conflated: number): void => {
  const whole = MessagePack.ofJson(wholeBatch(items, conflated))
  const parts = MessagePack.batch(items.map(MessagePack.ofJson), conflated)
  assert.isTrue(Buffer.from(whole).equals(parts), `${items.length} parts, ${conflated} conflated`)
}
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

describe("MessagePack", () => {
  it("decodes to what JSON.parse reads", () => {
    FastCheck.assert(
      FastCheck.property(texts, (text) => assert.deepStrictEqual(asNumbers.unpack(MessagePack.ofJson(text)), JSON.parse(text)))
    )
  })

  it("an integer has 64 bits when 32 bits do not hold it, at any depth", () => {
    FastCheck.assert(
      FastCheck.property(integers, (integer) => {
        const fits = integer >= -(2 ** 31) && integer < 2 ** 32
        const decoded = fits ? integer : BigInt(integer)
        assert.deepStrictEqual(exact.unpack(MessagePack.ofJson(JSON.stringify({ a: [integer, { b: integer }] }))), {
          a: [decoded, { b: decoded }]
        })
      })
    )
  })

  it("a batch of packed parts has the bytes of the whole batch", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(texts, { maxLength: 20 }), FastCheck.nat(), (items, conflated) => assertBatch(items, conflated)),
      { numRuns: 30 }
    )
    for (const length of [0, 1, 15, 16, 65_535, 65_536, 70_000])
      for (const conflated of [0, 1, 2 ** 33])
        assertBatch(
          Array.from({ length }, (_, n) => `{"n":${n}}`),
          conflated
        )
  })

  it("packs a text once in one turn of the event loop, and again in the next", async () => {
    const { packed } = MessagePack.makeEncoder()
    const first = packed('{"n":1}')
    const other = packed('{"n":2}')
    assert.strictEqual(packed(`{"n":${1}}`), first)
    assert.strictEqual(packed('{"n":2}'), other)
    await nextTurn()
    const again = packed('{"n":1}')
    assert.notStrictEqual(again, first)
    assert.deepStrictEqual(again, first)
    assert.strictEqual(packed('{"n":1}'), again)
    await nextTurn()
    assert.notStrictEqual(packed('{"n":1}'), again)
  })

  it("packs a text beyond the limits without keeping it", () => {
    const few = MessagePack.makeEncoder({ bytesMax: 1_000, entriesMax: 1 })
    const first = few.packed("1")
    assert.notStrictEqual(few.packed("2"), few.packed("2"))
    assert.strictEqual(few.packed("1"), first)
    const small = MessagePack.makeEncoder({ bytesMax: 4, entriesMax: 10 })
    assert.notStrictEqual(small.packed('"long"'), small.packed('"long"'))
    assert.strictEqual(small.packed('"abc"'), small.packed('"abc"'))
    assert.notStrictEqual(small.packed("1"), small.packed("1"))
    assert.deepStrictEqual(exact.unpack(small.packed('"long"')), "long")
  })
})
