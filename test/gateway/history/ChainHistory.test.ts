import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as IvRank from "../../../src/domain/options/IvRank.ts"
import { ChainMinuteRepo } from "../../../src/store/chains/ChainMinuteRepo.ts"
import type { NewChain, NewStrike } from "../../../src/store/chains/ChainMinuteRows.ts"
import { endsMs } from "../../Ends.ts"
import { ask, chainMessage, eventually, far, near, publishChain, publishState, tokens, world } from "../GatewayWorld.ts"

const strikes = [24_400, 24_500, 24_550, 24_700]
const expired = "2019-08-29"
const ist = (time: string, day = "2019-08-19") => new Date(`${day}T${time}:00+05:30`)
const minuteOf = (at: Date) => at.getUTCHours() * 60 + at.getUTCMinutes()
/** Values that differ in every minute, strike and side. */
const priceOf = (at: Date, strike: number, side: "CE" | "PE") => (minuteOf(at) * 100 + (strike % 1_000) + (side === "CE" ? 5 : 10)) / 100
const oiOf = (at: Date, strike: number, side: "CE" | "PE") => 75 * (minuteOf(at) + strike + (side === "CE" ? 0 : 1))

const chain = (at: Date, forward: number, more: Partial<NewChain> = {}): NewChain => {
  const expiry = more.expiry ?? expired
  return {
    exchange: "NSE",
    underlying: "NIFTY",
    expiry,
    at,
    asOf: at,
    spot: forward - 10,
    forward,
    forwardSource: "parity",
    atmStrike: strikes.reduce((best, one) => (Math.abs(one - forward) < Math.abs(best - forward) ? one : best), strikes[0] ?? 0),
    atmIv: 0.12,
    maxPain: null,
    pcrOi: null,
    pcrVolume: null,
    callOi: 1,
    putOi: 1,
    convention: "b76",
    strikes: strikes.flatMap((strike) =>
      (["CE", "PE"] as const).map(
        (side): NewStrike => ({
          exchange: "NFO",
          tradingsymbol: `NIFTY${expiry}${strike}${side}`,
          strike,
          side,
          instrumentToken: strike * 512 + (side === "CE" ? 2 : 258),
          lastPrice: priceOf(at, strike, side),
          bid: null,
          ask: null,
          volume: 75,
          oi: oiOf(at, strike, side),
          oiChange: 0,
          iv: 0.12,
          delta: side === "CE" ? 0.5 : -0.5,
          gamma: 0.001,
          theta: side === "CE" ? -7.3 : -3.65,
          vega: 10,
          rho: -1,
          quality: "live"
        })
      )
    ),
    ...more
  }
}
const minutes = ["09:15", "09:16", "09:18", "09:20", "09:21"].map((time) => ist(time))
const forwards = [24_510, 24_520, 24_540, 24_660, 24_390]
const saved = Effect.flatMap(ChainMinuteRepo, ({ save }) => save(minutes.map((at, n) => chain(at, forwards[n] ?? 0))))
const day = "from=2019-08-19&to=2019-08-19"
const of = `symbol=nifty&expiry=${expired}&${day}`
const dates = (points: ReadonlyArray<{ readonly date: string }>) => points.map(({ date }) => date)

layer(world(), { excludeTestServices: true })("Chains over time", (it) => {
  it.effect("strikes of an expired chain in each stored minute, in pages that count minutes", () =>
    Effect.gen(function* () {
      yield* saved
      const { body } = yield* ask(`/fo/strikes/history?${of}&strikes=24500,24700,1&limit=2&offset=1`)
      assert.deepInclude(body, { symbol: "NIFTY", expiry: expired, interval: "minute", total: 5, limit: 2, offset: 1 })
      assert.deepStrictEqual(
        body.points.map(
          (point: { date: string; strike: number; call: { last_price: number; oi: number }; put: { last_price: number } }) => [
            point.date,
            point.strike,
            point.call.last_price,
            point.call.oi,
            point.put.last_price
          ]
        ),
        [minutes[1], minutes[2]].flatMap((at) =>
          [24_500, 24_700].map((strike) => [
            at?.toISOString(),
            strike,
            priceOf(at ?? new Date(0), strike, "CE"),
            oiOf(at ?? new Date(0), strike, "CE"),
            priceOf(at ?? new Date(0), strike, "PE")
          ])
        )
      )
      const [first] = body.points
      assert.deepInclude(first.call, { tradingsymbol: `NIFTY${expired}24500CE`, iv: 0.12, theta: -7.3, quality: "live", bid: null })
      const five = (yield* ask(`/fo/strikes/history?${of}&strikes=24500&interval=5m`)).body
      assert.deepStrictEqual([five.total, dates(five.points)], [2, [minutes[2], minutes[4]].map((at) => at?.toISOString())])
    })
  )

  it.effect("a metric by distance from the money: each minute's own forward says where the money is", () =>
    Effect.gen(function* () {
      yield* saved
      const { body } = yield* ask(`/fo/moneyness-series?${of}&metric=last_price&bucket=ATM,OTM1,ITM2`)
      assert.deepInclude(body, { metric: "last_price", total: 5 })
      const money = [24_500, 24_500, 24_550, 24_700, 24_400]
      for (const [n, point] of body.points.entries()) {
        const at = minutes[n] ?? new Date(0)
        const row = strikes.indexOf(money[n] ?? 0)
        const expected = ([0, 1, -2] as const).map((steps) => {
          const [call, put] = [strikes[row + steps] ?? null, strikes[row - steps] ?? null]
          return [call, call === null ? null : priceOf(at, call, "CE"), put, put === null ? null : priceOf(at, put, "PE")]
        })
        const got = point.values.map((one: { call_strike: number; call: number; put_strike: number; put: number }) => [
          one.call_strike,
          one.call,
          one.put_strike,
          one.put
        ])
        assert.deepStrictEqual(got, expected, point.date)
      }
    })
  )

  it.effect("the decay of a straddle and of a strangle keeps the strikes of the first minute, and splits its change", () =>
    Effect.gen(function* () {
      yield* saved
      const { body } = yield* ask(`/fo/premium-decay?${of}`)
      assert.deepInclude(body, { kind: "straddle", call_strike: 24_500, put_strike: 24_500, total: 5 })
      const first = minutes[0] ?? new Date(0)
      for (const [n, point] of body.points.entries()) {
        const at = minutes[n] ?? new Date(0)
        // Two options gain 1.00 a minute each; their thetas are -10.95 a day together.
        const passed = (at.getTime() - first.getTime()) / 60_000
        assert.strictEqual(point.premium, (Math.round(priceOf(at, 24_500, "CE") * 100) + Math.round(priceOf(at, 24_500, "PE") * 100)) / 100)
        assert.strictEqual(point.change, 2 * passed)
        assert.closeTo(point.expected, (-10.95 * passed) / 1_440, 0.00006)
        assert.closeTo(point.residual, point.change - point.expected, 0.00011)
      }
      const strangle = (yield* ask(`/fo/premium-decay?${of}&steps=1&limit=1&offset=4`)).body
      assert.deepInclude(strangle, { kind: "strangle", call_strike: 24_550, put_strike: 24_400, total: 5, offset: 4 })
      assert.strictEqual(strangle.points.length, 1)
      const wide = (yield* ask(`/fo/premium-decay?${of}&steps=3`)).body
      assert.deepInclude(wide, { call_strike: null, put_strike: null, points: [], total: 0 })
    })
  )

  it.effect("how a metric is spread over the strikes, in each minute", () =>
    Effect.gen(function* () {
      yield* saved
      const { body } = yield* ask(`/fo/strike-distribution/history?${of}&metric=oi&limit=1&offset=4`)
      const at = minutes[4] ?? new Date(0)
      const sum = (side: "CE" | "PE") => strikes.reduce((total, strike) => total + oiOf(at, strike, side), 0)
      const { centre, ...point } = body.points[0]
      assert.deepStrictEqual(point, {
        date: at.toISOString(),
        forward: 24_390,
        call_total: sum("CE"),
        put_total: sum("PE"),
        call_peak: 24_700,
        put_peak: 24_700
      })
      assert.isTrue(centre > 24_500 && centre < 24_600)
      const iv = (yield* ask(`/fo/strike-distribution/history?${of}&metric=iv&limit=1`)).body.points[0]
      assert.deepInclude(iv, { call_total: null, centre: null, call_peak: 24_400 })
    })
  )

  it.effect("without stored minutes a series is empty; unknown symbols and expiries are 404, wrong spans and lists 422", () =>
    Effect.gen(function* () {
      const paths = ["strikes/history?strikes=24500&", "moneyness-series?", "premium-decay?", "strike-distribution/history?"]
      for (const path of paths) {
        const empty = yield* ask(`/fo/${path}symbol=NIFTY&expiry=${far}`)
        assert.deepInclude(empty.body, { points: [], total: 0 }, path)
        assert.strictEqual((yield* ask(`/fo/${path}symbol=NOSUCH&expiry=${far}`)).body.detail, "Symbol not found")
        assert.strictEqual((yield* ask(`/fo/${path}symbol=NIFTY&expiry=2031-01-07`)).body.detail, "Expiry not found")
        assert.strictEqual((yield* ask(`/fo/${path}symbol=NIFTY&expiry=${far}`, { as: null })).status, 401)
        for (const wrong of ["from=2019-08-20&to=2019-08-19", "from=2018-01-01&to=2019-08-19"]) {
          const { status, body } = yield* ask(`/fo/${path}symbol=NIFTY&expiry=${far}&${wrong}`)
          assert.deepStrictEqual([status, body.errors[0].field], [422, "from"])
        }
      }
      const named = `symbol=NIFTY&expiry=${far}`
      for (const [path, field] of [
        [`strikes/history?${named}`, "strikes"],
        [`strikes/history?${named}&strikes=1,2,3,4,5,6,7,8,9,10,11`, "strikes"],
        [`moneyness-series?${named}&bucket=OTM51`, "bucket"],
        [`moneyness-series?${named}&metric=gex`, "metric"],
        [`premium-decay?${named}&steps=51`, "steps"],
        [`strike-distribution/history?${named}&limit=201`, "limit"],
        ["iv-rank?symbol=NIFTY&days=29", "days"]
      ] as const) {
        const { status, body } = yield* ask(`/fo/${path}`)
        assert.strictEqual(status, 422, path)
        assert.isTrue(body.errors[0].field.startsWith(field), path)
      }
    })
  )

  it.effect("the rank of volatility compares one tenor over the closes of past days, and is null with its reason before", () =>
    Effect.gen(function* () {
      const { save } = yield* ChainMinuteRepo
      const nothing = (yield* ask("/fo/iv-rank?symbol=NIFTY")).body
      assert.deepInclude(nothing, { spot: null, iv: null, rank: null, reason: "no_volatility", days_counted: 0 })
      assert.deepStrictEqual(
        nothing.term_structure.map(({ expiry, atm_iv }: { expiry: string; atm_iv: null }) => [expiry, atm_iv]),
        [
          [near, null],
          [far, null]
        ]
      )

      const asOf = "2098-01-02T09:30:00.000Z"
      const expiries = [
        { expiry: near, forward: 24_530, atm_strike: 24_500, atm_iv: 0.15 },
        { expiry: far, forward: 26_000, atm_strike: 26_000, atm_iv: 0.2 }
      ]
      yield* publishState({ as_of: asOf, spot: 24_510.35, expiries })
      const rows = [
        { strike: 24_500, side: "CE", token: tokens.call, price: 120.05 },
        { strike: 24_500, side: "PE", token: tokens.put, price: 90.1 }
      ] as const
      yield* publishChain(chainMessage("chain", rows, { as_of: asOf, forward: 24_530, delta_seq: 0 }))
      const path = "/fo/iv-rank?symbol=NIFTY&tenor_days=60"
      const known = Effect.map(ask(path), ({ body }) => (body.term_structure[0].straddle === null ? undefined : body))
      const early = yield* eventually("the chain is there", known)
      const years = (expiry: string, at: string) => IndiaTime.yearsTo(endsMs(expiry), Date.parse(at))
      const terms = expiries.map(({ expiry, atm_iv }) => ({ years: years(expiry, asOf), vol: atm_iv }))
      assert.closeTo(early.iv, IvRank.atTenor(terms, 60 / 365), 5e-6)
      assert.deepInclude(early, { rank: null, percentile: null, reason: "too_few_days", days_counted: 0, as_of: asOf })
      assert.deepInclude(early.term_structure[0], { atm_iv: 0.15, straddle: 210.15 })
      assert.closeTo(early.term_structure[0].expected_move, 24_530 * 0.15 * Math.sqrt(years(near, asOf)), 0.005)

      // Each day's last minute counts. The near expiry has no row in the very last minute of a day.
      const days = Array.from({ length: 24 }, (_, n) => IndiaTime.istDate(Date.parse(asOf) - (24 - n) * IndiaTime.dayMs))
      const past = days.flatMap((date, n) => [
        chain(ist("10:00", date), 24_500, { expiry: near, atmIv: 0.9, strikes: [] }),
        chain(ist("15:38", date), 24_500, { expiry: near, atmIv: 0.1 + n / 200, strikes: [] }),
        chain(ist("15:39", date), 24_500, { expiry: far, atmIv: 0.2, strikes: [] })
      ])
      const today = chain(ist("10:00", "2098-01-02"), 24_500, { expiry: near, atmIv: 0.99, strikes: [] })
      yield* save([...past, today])
      const { body } = yield* ask(path)
      const volOf = (date: string, n: number) => {
        const at = ist("15:39", date).toISOString()
        const found = [
          { years: years(near, at), vol: 0.1 + n / 200 },
          { years: years(far, at), vol: 0.2 }
        ]
        return IvRank.atTenor(found, 60 / 365)
      }
      const expected = IvRank.rankOf(IvRank.atTenor(terms, 60 / 365), days.map(volOf))
      assert.deepInclude(body, { days_counted: 24, reason: null })
      for (const name of ["rank", "percentile", "low", "high"] as const)
        assert.closeTo(body[name], expected[name] ?? Number.NaN, 0.00006, name)
      assert.strictEqual((yield* ask(`${path}&days=30`)).body.days_counted, 24)
    })
  )
})
