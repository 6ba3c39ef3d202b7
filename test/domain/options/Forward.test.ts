import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import * as Forward from "../../../src/domain/options/Forward.ts"

const t = 14 / 365
const r = 0.065
const truth = 24_537.3

const strikes = Float64Array.from({ length: 41 }, (_, i) => 23_500 + 50 * i)
const pricesOf = (w: 1 | -1) => strikes.map((k) => Black76.priceOf(w, truth, k, t, r, 0.14))

const chain = (changes: Partial<Forward.Input> = {}): Forward.Input => ({
  count: strikes.length,
  strike: strikes,
  call: pricesOf(1),
  put: pricesOf(-1),
  t,
  r,
  q: 0.012,
  spot: 24_500,
  future: 24_540,
  ...changes
})
const none = () => new Float64Array(strikes.length).fill(Number.NaN)

describe("Forward", () => {
  it("parity of a consistent chain gives its forward, from the seven strikes nearest the money", () => {
    const found = Forward.estimate(chain())
    assert.isAtMost(Math.abs(found.forward - truth), 1e-9)
    assert.strictEqual(found.source, "parity")
    assert.strictEqual(found.quality, Forward.STRIKES_MAX)
    assert.isAtMost(found.spread, 1e-9)
  })

  it("a stale price is left out", () => {
    const call = pricesOf(1)
    const atm = strikes.indexOf(24_550)
    call[atm] = call[atm]! + 80
    const found = Forward.estimate(chain({ call }))
    assert.isAtMost(Math.abs(found.forward - truth), 1e-9)
    assert.strictEqual(found.quality, Forward.STRIKES_MAX - 1)
  })

  it("prices on the tick grid give the forward to a fraction of a tick, and the spread measures their disagreement", () => {
    const tick = (price: number) => Math.round(price * 20) / 20
    const found = Forward.estimate(chain({ call: pricesOf(1).map(tick), put: pricesOf(-1).map(tick) }))
    assert.isAtMost(Math.abs(found.forward - truth), 0.05)
    assert.isTrue(found.spread > 0 && found.spread < 0.11)
  })

  it("liquid strikes count more", () => {
    const call = pricesOf(1)
    const liquid = strikes.indexOf(24_600)
    call[liquid] = call[liquid]! + 0.5
    const even = Forward.estimate(chain({ call })).forward
    const liquidity = new Float64Array(strikes.length)
    liquidity[liquid] = 1e6
    const weighted = Forward.estimate(chain({ call, liquidity })).forward
    assert.isTrue(even > truth && weighted > even && weighted < truth + 0.51)
  })

  it("uses the expiry's future without pairs, the carried spot without a future, and otherwise nothing", () => {
    const put = none()
    const unknown = Number.NaN
    assert.deepStrictEqual(Forward.estimate(chain({ put })), { forward: 24_540, source: "future", quality: 0, spread: 0 })
    assert.deepStrictEqual(Forward.estimate(chain({ put, future: unknown })), {
      forward: 24_500 * Math.exp((r - 0.012) * t),
      source: "spot",
      quality: 0,
      spread: 0
    })
    const nothing = Forward.estimate(chain({ put, future: unknown, spot: unknown }))
    assert.strictEqual(nothing.source, "none")
    assert.isNaN(nothing.forward)
  })

  it("prefers a future to a single pair, but a single pair to the spot", () => {
    const put = none()
    put[20] = pricesOf(-1)[20]!
    assert.strictEqual(Forward.estimate(chain({ put })).source, "future")
    const alone = Forward.estimate(chain({ put, future: Number.NaN }))
    assert.isAtMost(Math.abs(alone.forward - truth), 1e-9)
    assert.deepStrictEqual([alone.source, alone.quality, alone.spread], ["parity", 1, 0])
  })

  it("ignores zero and infinite prices", () => {
    const call = none().fill(0)
    call[3] = Number.POSITIVE_INFINITY
    assert.strictEqual(Forward.estimate(chain({ call })).source, "future")
  })

  it("a reused result object keeps nothing of an earlier result", () => {
    const out = Forward.empty()
    Forward.estimateInto(chain(), out)
    Forward.estimateInto(chain({ count: 0 }), out)
    assert.deepStrictEqual(out, { forward: 24_540, source: "future", quality: 0, spread: 0 })
  })

  const noise = FastCheck.array(FastCheck.double({ min: -2, max: 2, noNaN: true }), { minLength: 41, maxLength: 41 })

  it.prop("the forward is between its candidates, and repeating the calculation gives the same", [noise], ([off]) => {
    const call = pricesOf(1).map((price, i) => Math.max(0.05, price + off[i]!))
    const found = Forward.estimate(chain({ call }))
    assert.isAtMost(Math.abs(found.forward - truth), 2 * Math.exp(r * t) + 1e-6)
    assert.isTrue(found.quality >= 1 && found.quality <= Forward.STRIKES_MAX)
    assert.isAtMost(found.spread, 4 * Math.exp(r * t) + 1e-6)
    Forward.estimate(chain())
    assert.deepStrictEqual(Forward.estimate(chain({ call })), found)
  })
})
