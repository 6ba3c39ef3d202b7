import { assert, describe, it } from "@effect/vitest"
import { Decimal } from "../../src/domain/Money.ts"
import * as ChainModel from "../../web/src/chain/ChainModel.ts"
import * as Freshness from "../../web/src/desk/Freshness.ts"
import * as Underlyings from "../../web/src/desk/Underlyings.ts"
import type { ChainUpdate, FoEnabled, OptionRow, Subscription } from "../../web/src/gateway/Contract.ts"
import * as Bars from "../../web/src/spot/Bars.ts"
import * as Templates from "../../web/src/ticket/Templates.ts"
import * as Format from "../../web/src/view/Format.ts"

const option = (token: number, more: Partial<OptionRow> = {}): OptionRow => ({
  instrument_token: token,
  tradingsymbol: `X${token}`,
  last_price: 10,
  bid: 9.95,
  ask: 10.05,
  volume: 100,
  oi: 1_000,
  oi_change: 10,
  price_change: 1,
  iv: 0.14,
  delta: 0.5,
  gamma: 0.001,
  theta: -5,
  vega: 3,
  rho: 0,
  as_of: "2026-11-24T04:00:00.000Z",
  quality: "live",
  ...more
})
const update = (kind: ChainUpdate["kind"], strikes: ChainUpdate["strikes"]): ChainUpdate => ({
  type: "update",
  symbol: "NIFTY",
  expiry: "2026-11-24",
  kind,
  epoch: 1,
  seq: 1,
  as_of: "2026-11-24T04:00:01.000Z",
  spot: 24_500,
  spot_change: 12.5,
  forward: 24_510,
  atm_strike: 24_500,
  atm_iv: 0.14,
  oi_change_from: "previous_session",
  max_pain: 24_500,
  pcr: 1,
  totals: { call_oi: 1, put_oi: 1, pcr_volume: 1 },
  strikes
})
const row = (strike: number, call: OptionRow | null = option(strike), put: OptionRow | null = null) => ({ strike, call, put })

describe("ChainModel", () => {
  it("a delta replaces whole strikes and marks only those to be drawn", () => {
    const model = ChainModel.make()
    ChainModel.apply(model, update("chain", [row(24_400), row(24_500)]))
    model.dirty.clear()
    ChainModel.apply(model, update("delta", [row(24_500, option(24_500, { last_price: 11, as_of: "2026-11-24T04:00:05.000Z" }))]))
    assert.deepStrictEqual([...model.dirty], [24_500])
    assert.strictEqual(ChainModel.optionAt(model, 24_500, "call")?.last_price, 11)
    assert.strictEqual(ChainModel.optionAt(model, 24_500, "put"), undefined)
    assert.strictEqual(model.newest, "2026-11-24T04:00:05.000Z")
  })

  it("a whole chain takes away what it lacks, and what comes back is there again", () => {
    const model = ChainModel.make()
    ChainModel.apply(model, update("chain", [row(24_500), row(24_400)]))
    ChainModel.apply(model, update("chain", [row(24_500)]))
    assert.deepStrictEqual([...model.gone], [24_400])
    ChainModel.apply(model, update("delta", [row(24_400)]))
    assert.deepStrictEqual([...model.gone], [])
    assert.deepStrictEqual(ChainModel.strikesOf(model), [24_400, 24_500])
  })

  it("bars get another scale only when the largest no longer fits, and then all are drawn", () => {
    const model = ChainModel.make()
    ChainModel.apply(model, update("chain", [row(1, option(1, { oi: 900 })), row(2, option(2, { oi: 1_200, oi_change: -70 }))]))
    assert.deepStrictEqual([model.oiMax, model.changeMax], [1_250, 80])
    model.dirty.clear()
    ChainModel.apply(model, update("delta", [row(2, option(2, { oi: 1_240 }))]))
    assert.deepStrictEqual([...model.dirty], [2])
    ChainModel.apply(model, update("delta", [row(2, option(2, { oi: 1_260 }))]))
    assert.strictEqual(model.oiMax, 1_500)
    assert.deepStrictEqual([...model.dirty].sort(), [1, 2])
    assert.deepStrictEqual([0, 1, 9, 11, 99_999].map(ChainModel.scaleOf), [1, 1, 10, 12.5, 100_000])
  })
})

describe("Freshness", () => {
  const known: Freshness.Known = { isConnected: true, mode: "live", state: "running", quoteMs: 100_000, asOfMs: 100_500, silentMs: 250 }

  it("ages with market time and, where its clock is real, with the time since the last message", () => {
    assert.strictEqual(Freshness.ageMs(known), 750)
    assert.strictEqual(Freshness.ageMs({ ...known, mode: "recorded" }), 500)
    assert.strictEqual(Freshness.ageMs({ ...known, quoteMs: undefined }), undefined)
  })

  it.each<[string, Partial<Freshness.Known>, Freshness.Freshness]>([
    ["fresh quotes", {}, "live"],
    ["a mute feed whose clock goes on", { asOfMs: 110_001 }, "stale"],
    ["a gateway that says nothing", { silentMs: 12_001 }, "stale"],
    ["the same of a recording, which has a quote a minute", { mode: "recorded", asOfMs: 170_000 }, "live"],
    ["a recording that stands still", { mode: "recorded", asOfMs: 230_000 }, "stale"],
    ["a market that ended", { state: "ended", asOfMs: 900_000 }, "ended"],
    ["no connection, whatever the quotes", { isConnected: false }, "away"],
    ["nothing yet", { quoteMs: undefined, asOfMs: undefined }, "waiting"]
  ])("%s", (_, change, wanted) => {
    assert.strictEqual(Freshness.of({ ...known, ...change }), wanted)
  })
})

describe("Templates", () => {
  const strikes = [100, 110, 120, 130, 140, 150, 160, 170, 180]
  const legsOf = (id: string, width: number) => {
    const template = Templates.templates.find((one) => one.id === id)
    return template === undefined
      ? "no such template"
      : Templates.place(template, strikes, 140, width)?.map(({ direction, kind, strike, lots }) => `${direction} ${lots} ${strike} ${kind}`)
  }

  it("puts an iron condor around the money", () => {
    assert.deepStrictEqual(legsOf("iron-condor", 2), ["BUY 1 100 PE", "SELL 1 120 PE", "SELL 1 160 CE", "BUY 1 180 CE"])
  })
  it("sells twice the middle of a butterfly", () => {
    assert.deepStrictEqual(legsOf("call-butterfly", 1), ["BUY 1 130 CE", "SELL 2 140 CE", "BUY 1 150 CE"])
  })
  it("names no legs where the strikes do not reach, and none without a money", () => {
    assert.strictEqual(legsOf("iron-condor", 3), undefined)
    for (const template of Templates.templates) assert.strictEqual(Templates.place(template, strikes, 145, 1), undefined)
  })
  it("has as many bought as sold calls and puts in every defined-risk shape", () => {
    for (const id of ["bull-call", "bear-put", "iron-condor", "iron-butterfly", "call-butterfly"]) {
      const template = Templates.templates.find((one) => one.id === id)
      const legs = template === undefined ? undefined : Templates.place(template, strikes, 140, 1)
      for (const kind of ["CE", "PE"]) {
        const net = legs?.filter((leg) => leg.kind === kind).reduce((sum, leg) => sum + (leg.direction === "BUY" ? leg.lots : -leg.lots), 0)
        assert.strictEqual(net, 0, `${id} ${kind}`)
      }
    }
  })
})

describe("Underlyings", () => {
  const subscription = (instrument_token: number, tradingsymbol: string, segment: string, status: Subscription["status"] = "active") =>
    ({ instrument_token, tradingsymbol, segment, status }) as Subscription

  it("names what an option is on, in both of the exchange's forms", () => {
    const symbols = [
      "NIFTY26NOV24500CE",
      "NIFTY26D0124500PE",
      "NIFTYNXT5026NOV65000CE",
      "M&M26NOV2800PE",
      "360ONE26NOV1000CE",
      "BAJAJ-AUTO26NOV9000CE"
    ]
    assert.deepStrictEqual(symbols.map(Underlyings.nameOf), ["NIFTY", "NIFTY", "NIFTYNXT50", "M&M", "360ONE", "BAJAJ-AUTO"])
    assert.strictEqual(Underlyings.nameOf("NIFTY26NOVFUT"), undefined)
  })

  it("lists those with active options, indices first, each with its own instrument where that is streamed", () => {
    const found = Underlyings.among([
      subscription(1, "RELIANCE26NOV1500CE", "NFO-OPT"),
      subscription(2, "RELIANCE", "NSE"),
      subscription(3, "BANKNIFTY26NOV55000PE", "NFO-OPT"),
      subscription(4, "NIFTY26NOV24500CE", "NFO-OPT"),
      subscription(5, "NIFTY 50", "INDICES"),
      subscription(6, "INFY26NOV1500CE", "NFO-OPT", "inactive")
    ])
    assert.deepStrictEqual(found, [
      { symbol: "NIFTY", spotToken: 5, chartSymbol: undefined },
      { symbol: "BANKNIFTY", spotToken: undefined, chartSymbol: undefined },
      { symbol: "RELIANCE", spotToken: 2, chartSymbol: undefined }
    ])
    const nifty = { symbol: "NIFTY", exchange: "NSE", tradingsymbol: "NIFTY 50" } as FoEnabled
    const unnamed = { symbol: "BANKNIFTY", exchange: "NSE", tradingsymbol: null } as FoEnabled
    assert.deepStrictEqual(
      Underlyings.describe(found, [nifty, unnamed]).map(({ chartSymbol }) => chartSymbol),
      ["NSE:NIFTY 50", undefined, undefined]
    )
  })
})

describe("Bars", () => {
  it("gathers prices, leaves a closed bar alone, and joins to longer ones", () => {
    const bars: Array<Bars.Bar> = []
    for (const [price, time] of [
      [10, 0],
      [12, 0],
      [9, 5],
      [11, 60]
    ] as const)
      Bars.add(bars, price, time)
    assert.strictEqual(Bars.add(bars, 99, 5), undefined)
    assert.deepStrictEqual(Bars.join(bars, 60), [
      { time: 0, open: 10, high: 12, low: 9, close: 9 },
      { time: 60, open: 11, high: 11, low: 11, close: 11 }
    ])
  })
})

describe("Format", () => {
  it("counts in lakh and crore, and shows signs as they are read", () => {
    assert.deepStrictEqual([null, 0, 999, 1_234, 123_456, 12_345_678].map(Format.count), ["–", "0", "999", "1.2K", "1.23L", "1.23Cr"])
    assert.deepStrictEqual([-1_500, 0, 65].map(Format.signedCount), ["−1.5K", "0", "+65"])
    assert.deepStrictEqual([Format.fixed(-0.001, 2), Format.fixed(-0.126, 2)], ["0.00", "−0.13"])
    assert.deepStrictEqual(
      [...["-4699.5", "100000", "0"].map((text) => Format.rupees(new Decimal(text))), Format.rupees(null)],
      ["−4,699.50", "+1,00,000.00", "0.00", "–"]
    )
  })
  it("tells an age in its largest unit, and Indian time", () => {
    assert.deepStrictEqual([999, 59_999, 61_000, 7_300_000].map(Format.age), ["0 s", "59 s", "1 min", "2 h"])
    assert.strictEqual(Format.clock(Date.parse("2026-11-24T04:00:01Z")), "09:30:01")
  })
})
