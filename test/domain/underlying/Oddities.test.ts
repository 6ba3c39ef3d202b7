import { deserialize, serialize } from "node:v8"
import { assert, describe, it } from "@effect/vitest"
import * as Oddities from "../../../src/domain/underlying/Oddities.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import * as Deciding from "../Deciding.ts"
import {
  chain,
  chainPackets,
  future,
  option,
  optionToken,
  type Packet,
  Recorder,
  settings,
  spot,
  spotToken,
  startMs
} from "../record/Recorder.ts"

const decider = () => UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings })
const token = optionToken(24_500, "CE")
/** All prices and books are consistent, except those of the option that a test changes. */
const market = (atMs: number, odd: Partial<Packet> = {}): Array<Packet> => [
  { token: spotToken, price: 24_500.37, atMs },
  ...chainPackets(24_510, 0.14, atMs)
    .map((packet) => ({ ...packet, bid: packet.price - 0.05, ask: packet.price + 0.05 }))
    .map((packet) => (packet.token === token ? { ...packet, ...odd } : packet))
]
const odds = (recorder: Recorder, resumeAt = -1) => {
  const self = decider()
  let state = self.initial
  return recorder.inputs.flatMap((input, at) => {
    if (at === resumeAt) state = deserialize(serialize(state))
    const [next, outputs] = Deciding.fold(self, state, [input])
    state = next
    return outputs.flatMap((output) => (output.kind === "odd" ? [{ atMs: output.atMs, ...output.message }] : []))
  })
}
const opened = () => new Recorder().reference([spot, future, ...chain()])

describe("Oddities", () => {
  it("reports nothing for a consistent market, nor for one without books", () => {
    assert.deepStrictEqual(
      odds(
        opened()
          .frame(startMs, market(startMs))
          .clock(startMs + 250)
      ),
      []
    )
    assert.deepStrictEqual(
      odds(
        opened()
          .frame(startMs, chainPackets(24_510, 0.14, startMs))
          .clock(startMs + 250)
      ),
      []
    )
  })
  it("reports a bid above the ask, a price between ticks and a book far from parity, with the instrument", () => {
    const told = (odd: Partial<Packet>) => {
      const found = odds(
        opened()
          .frame(startMs, market(startMs, odd))
          .clock(startMs + 250)
      )
      assert.isTrue(found.every(({ atMs, count }) => atMs === startMs + 250 && count >= 1))
      assert.strictEqual(found[0]?.example.tradingsymbol, option(24_500, "CE").tradingsymbol)
      return found.map(({ what }) => what)
    }
    assert.deepStrictEqual(told({ bid: 180.1, ask: 180.05 }), ["crossed_book"])
    assert.deepStrictEqual(told({ price: 180.02 }), ["off_grid"])
  })
  it("parity counts only what the books would let one trade, beyond a thousandth of the forward", () => {
    const pair = { strike: 24_500, callBid: 200, callAsk: 201, putBid: 190, putAsk: 191, forward: 24_510, growth: 1 }
    assert.isFalse(Oddities.violatesParity(pair))
    assert.isTrue(Oddities.violatesParity({ ...pair, callBid: 240, callAsk: 241 })) // sells the forward at 24,549
    assert.isTrue(Oddities.violatesParity({ ...pair, putBid: 240, putAsk: 241 })) // buys it at 24,461
    assert.isFalse(Oddities.violatesParity({ ...pair, callBid: Number.NaN, callAsk: Number.NaN }))
    const recorder = opened()
      .frame(startMs, market(startMs, { bid: 300, ask: 301 }))
      .clock(startMs + 250)
    const [found] = odds(recorder)
    assert.strictEqual(found?.what, "parity")
    assert.closeTo(found?.example.forward ?? 0, 24_510, 1)
  })
  it("reports each kind at most once a minute of event time, with the number of cases, across a snapshot too", () => {
    const recorder = opened()
    for (let second = 0; second <= 61; second++) {
      const atMs = startMs + second * 1_000
      recorder.frame(atMs, market(atMs, { price: 180.02 })).clock(atMs + 250)
    }
    const found = odds(recorder)
    assert.deepStrictEqual(
      found.map(({ atMs, count }) => [atMs - startMs, count]),
      [
        [250, 1],
        [60_250, 60]
      ]
    )
    assert.deepStrictEqual(odds(recorder, 40), found)
  })
})
