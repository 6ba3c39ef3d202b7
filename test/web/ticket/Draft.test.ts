import { assert, describe, it } from "@effect/vitest"
import * as Draft from "../../../web/src/ticket/Draft.ts"

const leg = (token: number, direction: Draft.Leg["direction"] = "BUY", more: Partial<Draft.Leg> = {}): Draft.Leg => ({
  token,
  tradingsymbol: `X${token}`,
  expiry: "2026-11-24",
  strike: 24_000 + token,
  side: "call",
  direction,
  lots: 1,
  price: "100",
  ...more
})
const withLegs = (...legs: ReadonlyArray<Draft.Leg>) =>
  legs.reduce<Draft.Draft>((draft, one) => Draft.put(draft, one) ?? draft, Draft.empty("NIFTY"))
const shown = ({ legs }: Draft.Draft) => legs.map(({ token, direction, lots, price }) => `${direction} ${lots} ${token}@${price}`)

describe("Draft", () => {
  it("adds lots in the same direction, closes in the other, and is full at its limit", () => {
    const one = withLegs(leg(1), leg(2, "SELL"), leg(1))
    assert.deepStrictEqual(shown(one), ["BUY 2 1@100", "SELL 1 2@100"])
    assert.deepStrictEqual(shown(Draft.put(one, leg(2, "BUY")) ?? one), ["BUY 2 1@100"])
    const full = withLegs(...Array.from({ length: Draft.legsMax }, (_, at) => leg(at)))
    assert.strictEqual(Draft.put(full, leg(99)), undefined)
    assert.strictEqual(Draft.put(full, leg(3))?.legs[3]?.lots, 2)
  })

  it("turns a leg round at the other side's price, and accepts lots and prices only within their limits", () => {
    let draft = withLegs(leg(1))
    draft = Draft.turn(draft, 1, "99.5")
    assert.deepStrictEqual(shown(draft), ["SELL 1 1@99.5"])
    assert.deepStrictEqual(shown(Draft.turn(draft, 1, undefined)), ["BUY 1 1@99.5"])
    assert.deepStrictEqual(
      [0, -3, 2.4, Number.NaN, 5_000].map((lots) => Draft.setLots(draft, 1, lots).legs[0]?.lots),
      [1, 1, 2, 1, 1_000]
    )
    assert.deepStrictEqual(
      ["12.05", "", "-1", "1e3", "x"].map((price) => Draft.setPrice(draft, 1, price).legs[0]?.price),
      ["12.05", "99.5", "99.5", "99.5", "99.5"]
    )
  })

  it("is named after its shape or strikes and every expiry, until the user names it", () => {
    const two = withLegs(leg(500), leg(600, "SELL", { expiry: "2026-12-01" }))
    assert.strictEqual(Draft.nameOf(two), "NIFTY 24500/24600 24 Nov 26 / 1 Dec 26")
    assert.strictEqual(Draft.nameOf({ ...two, shape: "calendar" }), "NIFTY calendar 24 Nov 26 / 1 Dec 26")
    const named = Draft.setName(two, "mine")
    assert.strictEqual(Draft.nameOf(Draft.remove(named, 500)), "mine")
    assert.strictEqual(Draft.setName(named, "").name, null)
    assert.strictEqual(Draft.setName(two, Draft.nameOf(two)).name, null)
  })

  it("shows each leg's expiry if they differ", () => {
    const [one, two] = [leg(500), leg(600, "SELL", { expiry: "2026-12-01", side: "put" })]
    assert.strictEqual(Draft.labelOf(withLegs(one), one), "24500 CE")
    assert.strictEqual(Draft.labelOf(withLegs(one, two), two), "24600 PE 1 Dec 26")
  })
})
