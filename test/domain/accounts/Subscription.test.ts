import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { apply, diff, format, type Held, type Mode } from "../../../src/domain/accounts/Subscription.ts"

const mode = FastCheck.constantFrom<Mode>("ltp", "quote", "full")
const wantedOf = FastCheck.array(FastCheck.tuple(FastCheck.integer({ min: 1, max: 60 }), mode), { maxLength: 80 }).map(
  (pairs) => new Map(pairs)
)

describe("Subscription", () => {
  it("formats the three messages as Kite documents them", () => {
    const commands = diff(new Map<number, Mode>([[1, "full"]]), new Map<number, Mode>([[408065, "full"]]), 500)
    assert.deepStrictEqual(commands.map(format), [
      '{"a":"unsubscribe","v":[1]}',
      '{"a":"subscribe","v":[408065]}',
      '{"a":"mode","v":["full",[408065]]}'
    ])
  })

  it("a change of mode alone becomes one mode message", () => {
    const commands = diff(
      new Map<number, Mode>([
        [7, "ltp"],
        [8, "ltp"]
      ]),
      new Map<number, Mode>([
        [7, "full"],
        [8, "ltp"]
      ]),
      500
    )
    assert.deepStrictEqual(commands, [{ _tag: "Mode", mode: "full", tokens: [7] }])
  })

  it("a token whose mode was not sent yet gets its mode message", () => {
    const commands = diff(new Map([[7, null]]), new Map<number, Mode>([[7, "quote"]]), 500)
    assert.deepStrictEqual(commands, [{ _tag: "Mode", mode: "quote", tokens: [7] }])
  })

  it.prop(
    "the messages lead to the wanted set, in chunks, and never exceed the larger of the two sets",
    [wantedOf, wantedOf, FastCheck.integer({ min: 1, max: 9 })],
    ([before, wanted, chunk]) => {
      let held: Held = before
      for (const command of diff(before, wanted, chunk)) {
        assert.isAtLeast(command.tokens.length, 1)
        assert.isAtMost(command.tokens.length, chunk)
        held = apply(held, command)
        assert.isAtMost(held.size, Math.max(before.size, wanted.size))
      }
      assert.deepStrictEqual(new Map([...held].sort()), new Map([...wanted].sort()))
      assert.deepStrictEqual(diff(held, wanted, chunk), [])
    }
  )

  it.prop("sends nothing for tokens that do not change", [wantedOf, wantedOf], ([before, wanted]) => {
    const sent = new Set(diff(before, wanted, 500).flatMap((command) => command.tokens))
    for (const [token, want] of wanted) if (before.get(token) === want) assert.isFalse(sent.has(token))
  })
})
