import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { ChainView } from "../../../src/gateway/views/ChainView.ts"
import { type ChainRow, chainMessage, far, near } from "../GatewayWorld.ts"

const row = (token: number, price: number, strike = 24_500): ChainRow => ({ strike, side: "CE", token, price })
const prices = (view: ChainView) =>
  Object.fromEntries([...(view.find("NIFTY", near)?.rows.values() ?? [])].map((one) => [one.instrument_token, one.last_price]))

const optionOf = (token: number, expiry = near): Instrument.Instrument => ({
  token,
  exchangeToken: 0,
  tradingsymbol: "NIFTY98JAN24500CE",
  name: "NIFTY",
  expiry,
  strike: 2_450_000,
  tickSize: 5,
  lotSize: 75,
  instrumentType: "CE",
  segment: "NFO-OPT",
  exchange: "NFO"
})

describe("ChainView", () => {
  it("BE-DAY-04 a reused token has no price and no Greeks of the contract that had it before", () => {
    const view = new ChainView()
    view.applyKeyframe(chainMessage("chain", [row(1, 10)], { delta_seq: 1 }))
    assert.strictEqual(view.row(optionOf(1))?.last_price, 10)
    assert.strictEqual(view.row(optionOf(1, far)), undefined)
    assert.strictEqual(view.row({ ...optionOf(1), name: "BANKNIFTY" }), undefined)
    view.applyState({
      v: 1,
      as_of: "2026-11-24T09:30:00.000Z",
      seq: 1,
      exchange: "NSE",
      underlying: "NIFTY",
      instrument_token: 256265,
      spot: 24_500,
      spot_change: null,
      futures: [{ expiry: near, instrument_token: 2, last_price: 24_540, oi: 1, basis: 40 }],
      expiries: []
    })
    const future = { ...optionOf(2), instrumentType: "FUT" } as const
    assert.strictEqual(view.price(future)?.last_price, 24_540)
    assert.strictEqual(view.price({ ...future, expiry: far }), undefined)
    assert.strictEqual(view.price({ ...future, name: "BANKNIFTY" }), undefined)
  })

  it("applies deltas after a keyframe and none that it includes", () => {
    const view = new ChainView()
    view.applyKeyframe(chainMessage("chain", [row(1, 10), row(2, 20)], { delta_seq: 5 }))
    assert.strictEqual(view.applyDelta(chainMessage("delta", [row(1, 9)]), 5), undefined)
    const change = view.applyDelta(chainMessage("delta", [row(1, 11)], { spot: 7 }), 6)
    assert.deepStrictEqual(change?.strikes, new Set([24_500]))
    assert.deepStrictEqual(prices(view), { 1: 11, 2: 20 })
    assert.deepInclude(view.find("NIFTY", near)?.head, { spot: 7, seq: 6 })
    assert.strictEqual(view.row(optionOf(1))?.delta, 0.52)
  })

  it("a late keyframe undoes nothing; a newer one repairs missed deltas and removes missing strikes", () => {
    const view = new ChainView()
    view.applyKeyframe(chainMessage("chain", [row(1, 10), row(2, 20), row(3, 30)], { delta_seq: 1 }))
    view.applyDelta(chainMessage("delta", [row(1, 11)]), 4)
    const late = chainMessage("chain", [row(1, 10), row(2, 21), row(3, 30, 24_600)], { delta_seq: 3, spot: 9 })
    // The second delta was missed, so clients do not know it.
    assert.deepStrictEqual(view.applyKeyframe(late)?.strikes, new Set([24_500, 24_600]))
    assert.strictEqual(view.applyKeyframe(late), undefined)
    assert.notStrictEqual(view.find("NIFTY", near)?.head.spot, 9)
    assert.deepStrictEqual(prices(view), { 1: 11, 2: 21, 3: 30 })
    const healed = view.applyKeyframe(chainMessage("chain", [row(1, 12), row(2, 22)], { delta_seq: 9 }))
    assert.strictEqual(healed?.strikes, "all")
    assert.deepStrictEqual(prices(view), { 1: 12, 2: 22 })
    assert.strictEqual(view.row(optionOf(3)), undefined)
  })

  it("after a stream was created again, its small numbers count", () => {
    const view = new ChainView()
    view.applyKeyframe(chainMessage("chain", [row(1, 10)], { delta_seq: 50_000 }))
    view.rebase(3)
    view.applyDelta(chainMessage("delta", [row(1, 11)]), 4)
    assert.deepStrictEqual(prices(view), { 1: 11 })
  })

  it("keeps an expired chain for a day of market time, then forgets it", () => {
    const view = new ChainView()
    view.applyKeyframe(chainMessage("chain", [row(1, 10)], { delta_seq: 1 }))
    const expiredMs = Date.parse(`${near}T10:10:00Z`)
    assert.strictEqual(view.oldestSeq(shipped, expiredMs - 1), 1)
    assert.strictEqual(view.oldestSeq(shipped, expiredMs), undefined)
    view.dropExpired(shipped, expiredMs + 86_399_999)
    assert.deepStrictEqual(prices(view), { 1: 10 })
    view.dropExpired(shipped, expiredMs + 86_400_000)
    assert.strictEqual(view.find("NIFTY", near), undefined)
    assert.strictEqual(view.row(optionOf(1)), undefined)
  })

  it.prop(
    "any interleaving of the two streams gives the same chain",
    [
      FastCheck.array(FastCheck.tuple(FastCheck.integer({ min: 1, max: 4 }), FastCheck.integer({ min: 1, max: 99 })), {
        minLength: 1,
        maxLength: 12
      }),
      FastCheck.infiniteStream(FastCheck.boolean())
    ],
    ([changes, coin]) => {
      const truth = new Map<number, number>()
      const deltas = changes.map(([token, price], at) => ({ seq: at + 1, message: chainMessage("delta", [row(token, price)]) }))
      const keyframes = changes.map(([token, price], at) => {
        truth.set(token, price)
        return chainMessage(
          "chain",
          [...truth].map(([one, value]) => row(one, value)),
          { delta_seq: at + 1 }
        )
      })
      const view = new ChainView()
      while (deltas.length + keyframes.length > 0) {
        const isDelta = keyframes.length === 0 || (deltas.length > 0 && coin.next().value === true)
        if (isDelta) {
          const delta = deltas.shift()
          if (delta !== undefined) view.applyDelta(delta.message, delta.seq)
        } else {
          const keyframe = keyframes.shift()
          if (keyframe !== undefined) view.applyKeyframe(keyframe)
        }
      }
      assert.deepStrictEqual(prices(view), Object.fromEntries(truth))
    }
  )
})
