import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import * as BlackScholes from "../../../src/domain/options/BlackScholes.ts"
import * as GammaExposure from "../../../src/domain/options/GammaExposure.ts"
import * as Normal from "../../../src/domain/options/Normal.ts"
import { endsMs } from "../../Ends.ts"
import { ask, type ChainRow, chainMessage, eventually, far, near, publishChain, publishState, tokens, world } from "../GatewayWorld.ts"

const rows: ReadonlyArray<ChainRow> = [
  { strike: 24_400, side: "CE", token: 0x20002, price: 180, oi: 75 },
  { strike: 24_500, side: "CE", token: tokens.call, price: 120, oi: 300 },
  { strike: 24_500, side: "PE", token: tokens.put, price: 90, oi: 150 },
  { strike: 24_600, side: "PE", token: 0x20102, price: 150, oi: 225 }
]
/** A week before the expiry: gamma has a peak, and the exposure a zero. */
const asOf = "2098-01-23T09:30:00.000Z"
const forward = 24_530.1

const plain = chainMessage("chain", rows, { delta_seq: 0, as_of: asOf })
const message = {
  ...plain,
  oi_change_from: "previous_session" as const,
  columns: {
    ...plain.columns,
    price_change: [5, -2.5, 0.05, null],
    oi_change: [75, 150, -75, 10]
  }
}
const published = Effect.gen(function* () {
  yield* publishState({
    as_of: asOf,
    instrument_token: tokens.nifty,
    spot: 24_510.35,
    spot_change: 1,
    futures: [{ expiry: near, instrument_token: 0x70002, last_price: 24_540, oi: 1, basis: 29.65 }],
    expiries: [{ expiry: near, forward, atm_strike: 24_500, atm_iv: 0.142 }]
  })
  yield* publishChain(message)
  yield* eventually(
    "the chain is there",
    Effect.map(ask(`/fo/strikes?symbol=NIFTY&expiry=${near}`), ({ body }) => body.strikes.length === 3)
  )
})

/** A day some weeks after this machine's clock, because payoffs are in the future. */
const soon = IndiaTime.istDate(Date.now() + 30 * IndiaTime.dayMs)
const option = (type: string, strike: number, direction: string, entry_price: string, more: object = {}) => ({
  type,
  strike,
  expiry: soon,
  direction,
  quantity: 75,
  entry_price,
  iv: 0.15,
  ...more
})
const payoff = (body: object) => ask("/fo/payoff", { method: "POST", body })

layer(world(), { excludeTestServices: true })("Option analysis", (it) => {
  it.effect("a listed but unpublished expiry is empty and well-formed, an unlisted one is 404, a malformed one 422", () =>
    Effect.gen(function* () {
      const gex = (yield* ask("/fo/gex?symbol=NIFTY")).body
      assert.deepStrictEqual(gex, {
        symbol: "NIFTY",
        expiries: [],
        spot: null,
        formula: GammaExposure.FORMULA,
        total: null,
        zero_level: null,
        uncounted: 0,
        strikes: [],
        as_of: null
      })
      const spread = (yield* ask(`/fo/strike-distribution?symbol=NIFTY&expiry=${far}`)).body
      assert.deepInclude(spread, { metric: "oi", strikes: [], call_total: 0, call_peak: null, centre: null, as_of: null })
      const oi = (yield* ask(`/fo/oi-analysis?symbol=NIFTY&expiry=${far}`)).body
      assert.deepInclude(oi, { oi_change_from: null, strikes: [], call_oi: 0, pcr_oi: null })
      for (const path of ["gex", "strike-distribution", "oi-analysis"]) {
        assert.deepStrictEqual((yield* ask(`/fo/${path}?symbol=NOSUCH&expiry=${near}`)).body.detail, "Symbol not found")
        assert.deepStrictEqual((yield* ask(`/fo/${path}?symbol=NIFTY&expiry=2098-01-31`)).body.detail, "Expiry not found")
        assert.strictEqual((yield* ask(`/fo/${path}?symbol=NIFTY&expiry=soon`)).body.errors[0].field, "expiry")
        assert.strictEqual((yield* ask(`/fo/${path}`)).status, 422)
        assert.strictEqual((yield* ask(`/fo/${path}?symbol=NIFTY&expiry=${near}`, { as: null })).status, 401)
      }
    })
  )

  it.effect("gamma exposure by strike follows the named formula, and the total is zero at its zero level", () =>
    Effect.gen(function* () {
      yield* published
      const { body } = yield* ask(`/fo/gex?symbol=nifty&expiry=${near}`)
      const row = new Float64Array(BlackScholes.COLUMNS)
      const t = IndiaTime.yearsTo(endsMs(near), Date.parse(asOf))
      const weight = (strike: number, at = forward) => {
        Black76.evaluate(row, 0, 1, at, strike, t, 0.065, 0.142)
        return BlackScholes.fromRow(row, 0).gamma * at * at * 0.01
      }
      assert.deepInclude(body, {
        symbol: "NIFTY",
        expiries: [near],
        spot: 24_510.35,
        formula: GammaExposure.FORMULA,
        as_of: asOf,
        uncounted: 0
      })
      const expected = [
        [24_400, 75, 0],
        [24_500, 300, 150],
        [24_600, 0, 225]
      ].map(([strike = 0, calls = 0, puts = 0]) => [strike, weight(strike) * calls, -weight(strike) * puts] as const)
      for (const [at, [strike, call, put]] of expected.entries()) {
        assert.strictEqual(body.strikes[at].strike, strike)
        assert.approximately(body.strikes[at].call, call, 0.0051)
        assert.approximately(body.strikes[at].put, put, 0.0051)
        assert.approximately(body.strikes[at].net, call + put, 0.0051)
      }
      assert.approximately(
        body.total,
        expected.reduce((sum, [, call, put]) => sum + call + put, 0),
        0.02
      )
      const at = (forward * body.zero_level) / body.spot
      const [low, middle, high] = [weight(24_400, at) * 75, weight(24_500, at) * 150, weight(24_600, at) * -225]
      assert.approximately((low + middle + high) / low, 0, 1e-4, "what is left at the zero level")
      const all = (yield* ask("/fo/gex?symbol=NIFTY")).body
      assert.deepStrictEqual(all, body, "one expiry of the two listed was published")
    })
  )

  it.effect("BE-FIN-11 a metric over the strikes: totals, shares, peaks, centre", () =>
    Effect.gen(function* () {
      yield* published
      const spread = (metric: string) =>
        Effect.map(ask(`/fo/strike-distribution?symbol=NIFTY&expiry=${near}&metric=${metric}`), ({ body }) => body)
      assert.deepStrictEqual(yield* spread("oi"), {
        symbol: "NIFTY",
        expiry: near,
        metric: "oi",
        strikes: [
          { strike: 24_400, call: 75, put: null, total: 75, share: 0.1 },
          { strike: 24_500, call: 300, put: 150, total: 450, share: 0.6 },
          { strike: 24_600, call: null, put: 225, total: 225, share: 0.3 }
        ],
        call_total: 375,
        put_total: 375,
        call_peak: 24_500,
        put_peak: 24_600,
        centre: 24_520,
        as_of: asOf
      })
      const delta = yield* spread("delta")
      assert.deepStrictEqual([delta.call_total, delta.put_total, delta.strikes[1].total], [1.04, -0.96, 0.04])
      const iv = yield* spread("iv")
      assert.deepStrictEqual([iv.call_total, iv.strikes[0].call, iv.strikes[0].total, iv.centre], [null, 0.142, null, null])
      const gex = (yield* ask(`/fo/gex?symbol=NIFTY&expiry=${near}`)).body
      const spreadGex = yield* spread("gex")
      for (const [at, { call, put }] of gex.strikes.entries()) {
        assert.strictEqual(spreadGex.strikes[at].call ?? 0, call)
        assert.strictEqual(spreadGex.strikes[at].put ?? 0, put)
      }
      const wrong = yield* ask(`/fo/strike-distribution?symbol=NIFTY&expiry=${near}&metric=colour`)
      assert.deepStrictEqual([wrong.status, wrong.body.errors[0].field], [422, "metric"])
    })
  )

  it.effect("BE-FIN-11 build-up, covering and unwinding by strike, counted", () =>
    Effect.gen(function* () {
      yield* published
      const { body } = yield* ask(`/fo/oi-analysis?symbol=NIFTY&expiry=${near}`)
      assert.deepStrictEqual(
        body.strikes.map(
          ({ strike, call, put }: { strike: number; call: { build_up: string } | null; put: { build_up: string } | null }) => [
            strike,
            call?.build_up,
            put?.build_up
          ]
        ),
        [
          [24_400, "long_build_up", undefined],
          [24_500, "short_build_up", "short_covering"],
          [24_600, undefined, "unknown"]
        ]
      )
      assert.deepStrictEqual(body.strikes[0].call, {
        instrument_token: 0x20002,
        last_price: 180,
        price_change: 5,
        oi: 75,
        oi_change: 75,
        build_up: "long_build_up"
      })
      const none = { strikes: 0, oi_change: 0 }
      assert.deepStrictEqual(body.summary, {
        call: {
          long_build_up: { strikes: 1, oi_change: 75 },
          short_covering: none,
          short_build_up: { strikes: 1, oi_change: 150 },
          long_unwinding: none,
          unchanged: none,
          unknown: none
        },
        put: {
          long_build_up: none,
          short_covering: { strikes: 1, oi_change: -75 },
          short_build_up: none,
          long_unwinding: none,
          unchanged: none,
          unknown: { strikes: 1, oi_change: 10 }
        }
      })
      assert.deepInclude(body, {
        oi_change_from: "previous_session",
        call_oi: 100,
        put_oi: 150,
        call_oi_change: 225,
        put_oi_change: -65,
        pcr_oi: 1.5,
        as_of: asOf
      })
    })
  )

  it.effect("the payoff of an iron condor: break-evens, bounded extremes, curve", () =>
    Effect.gen(function* () {
      const legs = [
        option("PE", 24_000, "BUY", "40.05"),
        option("PE", 24_200, "SELL", "80"),
        option("CE", 24_800, "SELL", "75.5"),
        option("CE", 25_000, "BUY", "35.45")
      ]
      const { status, body } = yield* payoff({ legs, spot: 24_500, points: 3 })
      assert.strictEqual(status, 200)
      assert.deepInclude(body, {
        symbol: null,
        spot: 24_500,
        break_evens: [24_120, 24_880],
        max_profit: "6000",
        max_loss: "-9000",
        net_premium: "-6000",
        horizon: `${soon}T10:10:00.000Z`
      })
      assert.deepStrictEqual(body.curve.spot, [19_200, 24_600, 30_000])
      assert.deepStrictEqual(body.curve.at_expiry, [-9_000, 6_000, -9_000])
      const t = IndiaTime.yearsTo(endsMs(soon), Date.parse(body.as_of))
      const sd = 0.15 * Math.sqrt(t)
      const below = (price: number) => Normal.cdf((Math.log(price / 24_500) - 0.065 * t) / sd + 0.5 * sd)
      assert.approximately(body.probability_of_profit, below(24_880) - below(24_120), 0.000_06)
      assert.isBelow(Math.abs(body.greeks.delta), 10)
      assert.isAbove(body.greeks.theta, 0)
      const [straddle] = (yield* payoff({ legs: [option("CE", 24_500, "SELL", "300"), option("PE", 24_500, "SELL", "300")], spot: 24_500 }))
        .body.break_evens
      assert.strictEqual(straddle, 23_900)
      const later = (yield* payoff({ legs, spot: 24_500, date: soon, spot_shift: 0.02, points: 3 })).body
      assert.deepStrictEqual([later.scenario.spot, later.profit], [24_990, "-8250"])
      assert.deepStrictEqual(later.curve.at_date, later.curve.at_expiry)
    })
  )

  it.effect("BE-DAT-03 any quantity may be analysed, including zero and odd ones; futures are unbounded", () =>
    Effect.gen(function* () {
      const zero = (yield* payoff({ legs: [option("CE", 24_500, "BUY", "10", { quantity: 0 })], spot: 24_500 })).body
      assert.deepInclude(zero, { max_profit: "0", max_loss: "0" })
      const odd = (yield* payoff({ legs: [option("CE", 24_500, "SELL", "10", { quantity: 7 })], spot: 24_500 })).body
      assert.deepInclude(odd, { max_profit: "70", max_loss: "unbounded" })
      const covered = [{ type: "EQ", direction: "BUY", quantity: 75, entry_price: "24500" }, option("CE", 24_600, "SELL", "50")]
      const { body } = yield* payoff({ legs: covered, spot: 24_500 })
      assert.deepInclude(body, { break_evens: [24_450], max_profit: "11250", max_loss: "-1833750" })
      const future = { type: "FUT", expiry: soon, direction: "SELL", quantity: 75, entry_price: "24600", forward: 24_600 }
      assert.deepInclude((yield* payoff({ legs: [future], spot: 24_500 })).body, {
        break_evens: [24_600],
        max_profit: "1845000",
        max_loss: "unbounded",
        probability_of_profit: null
      })
    })
  )

  it.effect("missing values come from the market: for a symbol, or for type, strike and expiry", () =>
    Effect.gen(function* () {
      yield* published
      const named = { tradingsymbol: "NIFTY98JAN24500CE", direction: "BUY", quantity: 75 }
      const { body } = yield* payoff({ legs: [named], points: 2 })
      assert.deepInclude(body, { symbol: "NIFTY", spot: 24_510.35, break_evens: [24_620], max_loss: "-9000" })
      assert.deepStrictEqual(body.legs, [
        {
          leg_ids: [],
          tradingsymbol: "NIFTY98JAN24500CE",
          type: "CE",
          strike: 24_500,
          expiry: near,
          quantity: 75,
          entry_price: "120",
          iv: 0.142,
          forward
        }
      ])
      const spelled = { type: "CE", strike: 24_500, expiry: near, direction: "BUY", quantity: 75 }
      assert.deepStrictEqual((yield* payoff({ symbol: "nifty", legs: [spelled], points: 2 })).body.break_evens, [24_620])
      const future = { type: "FUT", expiry: near, direction: "BUY", quantity: 1 }
      assert.deepInclude((yield* payoff({ symbol: "NIFTY", legs: [future] })).body.legs[0], { entry_price: "24540", forward: 24_540 })
    })
  )

  it.effect("a grid of scenarios has the payoff's profit and Greeks in each cell, in the order of dates, volatility and spot shifts", () =>
    Effect.gen(function* () {
      const legs = [option("CE", 24_500, "SELL", "300"), option("PE", 24_500, "SELL", "300")]
      const shifts = { spot_shifts: [-0.02, 0, 0.02], vol_shifts: [0, 0.03], dates: [soon] }
      const { body, status } = yield* ask("/fo/scenario", { method: "POST", body: { legs, spot: 24_500, ...shifts } })
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(
        body.cells.map((cell: { vol_shift: number; spot_shift: number }) => [cell.vol_shift, cell.spot_shift]),
        [
          [0, -0.02],
          [0, 0],
          [0, 0.02],
          [0.03, -0.02],
          [0.03, 0],
          [0.03, 0.02]
        ]
      )
      for (const cell of body.cells) {
        const scene = { spot_shift: cell.spot_shift, vol_shift: cell.vol_shift, date: soon, points: 2 }
        const single = (yield* payoff({ legs, spot: 24_500, ...scene })).body
        assert.deepStrictEqual(
          [cell.profit, cell.greeks, cell.date, cell.spot],
          [single.profit, single.greeks, single.scenario.date, single.scenario.spot]
        )
      }
      const now = (yield* ask("/fo/scenario", { method: "POST", body: { legs, spot: 24_500 } })).body
      assert.strictEqual(now.cells.length, 21, "seven spots and three volatilities, now")
      assert.strictEqual(now.cells[0].date, now.as_of)
    })
  )

  it.effect("a grid that is too large, empty or beyond the earliest expiry is refused by its field", () =>
    Effect.gen(function* () {
      const legs = [option("CE", 24_500, "SELL", "300")]
      const refused = (more: object) =>
        Effect.map(ask("/fo/scenario", { method: "POST", body: { legs, spot: 24_500, ...more } }), ({ body, status }) => [
          status,
          body.errors[0].field
        ])
      assert.deepStrictEqual(yield* refused({ spot_shifts: Array.from({ length: 32 }, () => 0) }), [422, "spot_shifts"])
      assert.deepStrictEqual(yield* refused({ vol_shifts: [] }), [422, "vol_shifts"])
      assert.deepStrictEqual(yield* refused({ dates: ["2098-12-31"] }), [422, "dates"])
      assert.deepStrictEqual(yield* refused({ spot_shifts: [-1] }), [422, "spot_shifts.0"])
    })
  )

  it.effect("BE-DAT-05 names the input from which a payoff cannot be computed", () =>
    Effect.gen(function* () {
      yield* published
      const good = option("CE", 24_500, "BUY", "10")
      const bad: ReadonlyArray<readonly [object, string]> = [
        [{ legs: [] }, "legs"],
        [{ legs: Array.from({ length: 65 }, () => good), spot: 1 }, "legs"],
        [{ legs: [good] }, "spot"],
        [{ legs: [good], spot: 0 }, "spot"],
        [{ legs: [good], spot: 24_500, points: 1 }, "points"],
        [{ legs: [good], spot: 24_500, spot_shift: -1 }, "spot_shift"],
        [{ legs: [good], spot: 24_500, date: far }, "date"],
        [{ legs: [good], spot: 24_500, symbol: "NOSUCH" }, "symbol"],
        [{ legs: [good, { ...good, type: undefined }], spot: 24_500 }, "legs.1.type"],
        [{ legs: [{ ...good, strike: undefined }], spot: 24_500 }, "legs.0.strike"],
        [{ legs: [{ ...good, expiry: undefined }], spot: 24_500 }, "legs.0.expiry"],
        [{ legs: [{ ...good, expiry: "2020-01-30" }], spot: 24_500 }, "legs.0.expiry"],
        [{ legs: [{ ...good, entry_price: undefined }], spot: 24_500 }, "legs.0.entry_price"],
        [{ legs: [{ ...good, iv: undefined }], spot: 24_500 }, "legs.0.iv"],
        [{ legs: [{ ...good, iv: -1 }], spot: 24_500 }, "legs.0.iv"],
        [{ legs: [{ ...good, quantity: -1 }], spot: 24_500 }, "legs.0.quantity"],
        [{ legs: [{ ...good, direction: "LONG" }], spot: 24_500 }, "legs.0.direction"],
        [{ legs: [{ ...good, colour: "red" }], spot: 24_500 }, "legs.0.colour"],
        [{ legs: [{ tradingsymbol: "NOSUCH", direction: "BUY", quantity: 1 }] }, "legs.0.tradingsymbol"],
        [
          {
            legs: [
              { tradingsymbol: "NIFTY98JAN24500CE", direction: "BUY", quantity: 1 },
              { tradingsymbol: "INFY", exchange: "NSE", direction: "BUY", quantity: 1, entry_price: 1 }
            ]
          },
          "legs.1.tradingsymbol"
        ]
      ]
      for (const [body, field] of bad) {
        const answer = yield* payoff(body)
        assert.deepStrictEqual([answer.status, answer.body.errors?.[0]?.field], [422, field], JSON.stringify([body, answer.body]))
      }
      assert.strictEqual((yield* ask("/fo/payoff", { method: "POST", as: null, body: { legs: [good], spot: 1 } })).status, 401)
    })
  )
})
