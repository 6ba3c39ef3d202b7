import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import type * as ChainMessage from "../../../src/domain/options/ChainMessage.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import { InstrumentRepo } from "../../../src/store/instruments/InstrumentRepo.ts"
import * as Asks from "../../../src/streams/Asks.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import { ask, eventually, far, master, near, publishState, World, world } from "../GatewayWorld.ts"

const nearToken = 0x70002
const farToken = 0x70102
const expiredToken = 0x70202
const expired = "2026-10-27"
const future = (token: number, tradingsymbol: string, expiry: string) =>
  anInstrument(token, { tradingsymbol, expiry, instrumentType: "FUT", segment: "NFO-FUT", strike: 0 })
const nearFuture = future(nearToken, "NIFTY98JANFUT", near)
const farFuture = future(farToken, "NIFTY99DECFUT", far)
const expiredFuture = future(expiredToken, "NIFTY26OCTFUT", expired)

const asOf = "2026-11-24T09:30:00.000Z"
const state = (more: Partial<ChainMessage.UnderlyingState> = {}): ChainMessage.UnderlyingState => ({
  v: 1,
  as_of: asOf,
  seq: 1,
  exchange: "NSE",
  underlying: "NIFTY",
  instrument_token: 256265,
  spot: 24_500,
  spot_change: 1,
  futures: [
    {
      expiry: far,
      instrument_token: farToken,
      last_price: 24_622.5,
      oi: 400,
      basis: 122.5,
      price_change: -2.5,
      oi_change: 100,
      change_from: "previous_session"
    },
    {
      expiry: near,
      instrument_token: nearToken,
      last_price: 24_500,
      oi: 600,
      basis: 0,
      price_change: 10.05,
      oi_change: -50,
      change_from: "previous_session"
    },
    { expiry: "2020-01-30", instrument_token: 0x70302, last_price: 1, oi: 1, basis: 1 }
  ],
  expiries: [],
  ...more
})

const listed = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const repo = yield* InstrumentRepo
  const today = [...master.byToken.values(), nearFuture, farFuture]
  registry.set(Instrument.makeMaster("2026-11-24", today))
  yield* repo.replace("2026-10-26", [expiredFuture, nearFuture])
  yield* repo.replace("2026-11-24", today)
})
const published = (message: ChainMessage.UnderlyingState) =>
  Effect.gen(function* () {
    yield* publishState(message)
    return yield* eventually(
      "the state is read",
      Effect.map(ask("/futures/position-signals?symbol=NIFTY"), ({ body }) => body.as_of === message.as_of && body)
    )
  })

layer(world(), { excludeTestServices: true })("Futures", (it) => {
  it.effect("before anything is published every endpoint is well-formed; unknown symbols are 404, wrong values 422", () =>
    Effect.gen(function* () {
      yield* listed
      const signals = (yield* ask("/futures/position-signals?symbol=NIFTY")).body
      assert.deepInclude(signals, { symbol: "NIFTY", spot: null, as_of: null })
      assert.deepStrictEqual(
        signals.futures.map((one: { tradingsymbol: string; last_price: null; signal: string }) => [
          one.tradingsymbol,
          one.last_price,
          one.signal
        ]),
        [
          ["NIFTY98JANFUT", null, "unknown"],
          ["NIFTY99DECFUT", null, "unknown"]
        ]
      )
      const rollover = (yield* ask("/futures/rollover?symbol=NIFTY")).body
      assert.deepInclude(rollover, { percent: null, spread: null, cost_percent: null, carry: null, continuous: null, as_of: null })
      assert.deepStrictEqual(
        rollover.contracts.map(({ oi_share }: { oi_share: null }) => oi_share),
        [null, null]
      )
      const pnl = "/futures/rollover/pnl?direction=BUY&quantity=75&entry_price=100"
      assert.deepStrictEqual((yield* ask(`${pnl}&symbol=GOLDM`)).body.detail, "Expiry not found")
      for (const path of ["/futures/position-signals?", "/futures/rollover?", `${pnl}&`]) {
        assert.deepStrictEqual((yield* ask(`${path}symbol=NOSUCH`)).body.detail, "Symbol not found")
        assert.strictEqual((yield* ask(`${path}symbol=NIFTY`, { as: null })).status, 401)
      }
      assert.strictEqual((yield* ask("/futures/rollover?symbol=NIFTY&adjustment=both")).body.errors[0].field, "adjustment")
      for (const wrong of ["-1", "1e3", "nonsense"])
        assert.strictEqual((yield* ask(`${pnl}&symbol=NIFTY&open_price=${wrong}`)).body.errors[0].field, "open_price")
    })
  )

  it.effect("BE-FIN-12 position signals: build-up by price and open interest, basis and carry; expired futures are omitted", () =>
    Effect.gen(function* () {
      yield* listed
      const body = yield* published(state())
      const years = (Date.parse(`${far}T15:40:00+05:30`) - Date.parse(asOf)) / (365 * 86_400_000)
      assert.deepStrictEqual(body, {
        symbol: "NIFTY",
        spot: 24_500,
        futures: [
          {
            expiry: near,
            instrument_token: nearToken,
            tradingsymbol: "NIFTY98JANFUT",
            last_price: 24_500,
            oi: 600,
            price_change: 10.05,
            oi_change: -50,
            change_from: "previous_session",
            signal: "short_covering",
            basis: 0,
            carry: 0
          },
          {
            expiry: far,
            instrument_token: farToken,
            tradingsymbol: "NIFTY99DECFUT",
            last_price: 24_622.5,
            oi: 400,
            price_change: -2.5,
            oi_change: 100,
            change_from: "previous_session",
            signal: "short_build_up",
            basis: 122.5,
            carry: Math.round((1e5 * Math.log(24_622.5 / 24_500)) / years) / 1e5
          }
        ],
        as_of: asOf
      })
      // An engine of an older version publishes no changes.
      const [first] = state().futures
      assert(first !== undefined)
      const { price_change: _p, oi_change: _o, change_from: _c, ...older } = first
      const before = yield* published(state({ as_of: "2026-11-24T09:30:01.000Z", futures: [older] }))
      assert.deepInclude(before.futures[1], {
        last_price: 24_622.5,
        price_change: null,
        oi_change: null,
        change_from: null,
        signal: "unknown"
      })
    })
  )

  it.effect("BE-FIN-12 rollover: percent, spread, cost, carry and each month's share", () =>
    Effect.gen(function* () {
      yield* listed
      yield* published(state({ as_of: "2026-11-24T09:30:02.000Z" }))
      const { body } = yield* ask("/futures/rollover?symbol=nifty")
      assert.deepInclude(body, { percent: 40, spread: 122.5, cost_percent: 0.5, continuous: null })
      const years = (Date.parse(far) - Date.parse(near)) / (365 * 86_400_000)
      assert.approximately(body.carry, Math.log(24_622.5 / 24_500) / years, 5.1e-6)
      assert.deepStrictEqual(
        body.contracts.map((one: { tradingsymbol: string; oi_share: number }) => [one.tradingsymbol, one.oi_share]),
        [
          ["NIFTY98JANFUT", 0.6],
          ["NIFTY99DECFUT", 0.4]
        ]
      )
    })
  )

  it.effect("BE-FIN-12 profit of a roll in exact money, with given prices and with the last ones", () =>
    Effect.gen(function* () {
      yield* listed
      yield* published(state({ as_of: "2026-11-24T09:30:03.000Z" }))
      const path = "/futures/rollover/pnl?symbol=NIFTY&direction=SELL&quantity=75&entry_price=24600.10"
      const { body } = yield* ask(path)
      assert.deepInclude(body, {
        direction: "SELL",
        quantity: 75,
        multiplier: 1,
        close_price: "24500",
        open_price: "24622.5",
        last_price: "24622.5",
        realised: "7507.5",
        unrealised: "0",
        roll_cost: "-9187.5",
        total: "7507.5"
      })
      assert.deepStrictEqual([body.near.tradingsymbol, body.next.tradingsymbol], ["NIFTY98JANFUT", "NIFTY99DECFUT"])
      const given = (yield* ask(`${path}&close_price=24510.05&open_price=24630`)).body
      assert.deepInclude(given, { realised: "6753.75", unrealised: "562.5", roll_cost: "-8996.25", total: "7316.25" })
      const unpriced = state().futures.map((one) => ({ ...one, last_price: null }))
      yield* published(state({ as_of: "2026-11-24T09:30:04.000Z", futures: unpriced }))
      assert.deepInclude((yield* ask(path)).body, {
        close_price: null,
        last_price: null,
        realised: null,
        unrealised: null,
        roll_cost: null,
        total: null
      })
      assert.deepInclude((yield* ask(`${path}&close_price=24510.05&open_price=24630`)).body, {
        realised: "6753.75",
        unrealised: null,
        roll_cost: "-8996.25",
        total: null
      })
    })
  )
})

/** Daily bars: the expired contract to its expiry, the near one from a day before it. */
const days: ReadonlyArray<readonly [number, string, number]> = [
  [expiredToken, "2026-10-26", 2_500_000],
  [expiredToken, expired, 2_510_000],
  [nearToken, "2026-10-26", 2_512_500],
  [nearToken, expired, 2_523_000],
  [nearToken, "2026-10-28", 2_530_000]
]
const symbols = new Map([
  [nearToken, nearFuture.tradingsymbol],
  [expiredToken, expiredFuture.tradingsymbol]
])
const bars = days.map(
  ([instrumentToken, day, price]): NewBar => ({
    instrumentToken,
    exchange: "NFO",
    tradingsymbol: symbols.get(instrumentToken) ?? "",
    minutes: 1_440,
    source: "broker",
    at: new Date(`${day}T00:00:00+05:30`),
    open: price - 100,
    high: price + 500,
    low: price - 500,
    close: price,
    volume: 10,
    oi: 5,
    complete: true
  })
)

/** The engine with a broker that has these bars. */
const engine = (has: ReadonlyArray<NewBar>) =>
  Effect.gen(function* () {
    const world = yield* World
    const repo = yield* BarRepo
    yield* Asks.serve(
      Asks.fetchHistory,
      ({ instrument_token: instrumentToken, tradingsymbol, minutes, from_ms, to_ms }) =>
        Effect.gen(function* () {
          const found = has.filter((bar) => bar.instrumentToken === instrumentToken && +bar.at >= from_ms && +bar.at <= to_ms)
          const days = has.map(({ at }) => IndiaTime.istDate(+at))
          yield* Effect.orDie(repo.markFetched({ instrumentToken, exchange: "NFO", tradingsymbol, minutes }, days))
          return { bars: yield* Effect.orDie(repo.save(found)) }
        }),
      1
    ).pipe(Effect.provideService(JetStream, world.engine), Effect.forkScoped)
    yield* Effect.promise(() => world.engine.nc.flush())
  })
const series = (adjustment: string) =>
  Effect.map(ask(`/futures/rollover?symbol=NIFTY&adjustment=${adjustment}&from=2026-10-26&to=2026-10-28`), ({ body }) => body.continuous)
const closes = (continuous: { readonly bars: ReadonlyArray<{ readonly close: number }> }) => continuous.bars.map(({ close }) => close)

layer(world(), { excludeTestServices: true })("The continuous series of futures", (it) => {
  it.effect("BE-FIN-12 joins an expired contract with the next in each of the four ways", () =>
    Effect.gen(function* () {
      yield* listed
      yield* engine(bars)
      const asTraded = yield* series("none")
      assert.deepStrictEqual(asTraded.contracts, ["NIFTY26OCTFUT", "NIFTY98JANFUT"])
      assert.deepStrictEqual(
        asTraded.bars.map((bar: { date: string; contract: string; close: number }) => [bar.date, bar.contract, bar.close]),
        [
          ["2026-10-25T18:30:00.000Z", "NIFTY26OCTFUT", 25_000],
          ["2026-10-26T18:30:00.000Z", "NIFTY26OCTFUT", 25_100],
          ["2026-10-27T18:30:00.000Z", "NIFTY98JANFUT", 25_300]
        ]
      )
      assert.deepInclude(asTraded, { adjustment: "none", interval: "day", unjoined: null, warning: null })
      // The jump at the last common bar is 25,230 - 25,100.
      assert.deepStrictEqual(closes(yield* series("back_difference")), [25_130, 25_230, 25_300])
      assert.deepStrictEqual(closes(yield* series("forward_difference")), [25_000, 25_100, 25_170])
      const ratio = 25_230 / 25_100
      assert.deepStrictEqual(closes(yield* series("back_ratio")), [Math.round(25_000 * ratio * 1e4) / 1e4, 25_230, 25_300])
    }).pipe(Effect.scoped)
  )
})

layer(world(), { excludeTestServices: true })("The continuous series of futures that do not overlap", (it) => {
  it.effect("two contracts without a common bar are named, and nothing is invented", () =>
    Effect.gen(function* () {
      yield* listed
      yield* engine(bars.filter(({ instrumentToken, at }) => instrumentToken === expiredToken || IndiaTime.istDate(+at) === "2026-10-28"))
      const apart = yield* series("back_difference")
      assert.deepInclude(apart, { bars: [], unjoined: { from: "NIFTY26OCTFUT", to: "NIFTY98JANFUT" } })
      assert.lengthOf((yield* series("none")).bars, 3)
    }).pipe(Effect.scoped)
  )
})
