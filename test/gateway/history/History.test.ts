import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import { InstrumentRepo } from "../../../src/store/instruments/InstrumentRepo.ts"
import * as Asks from "../../../src/streams/Asks.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { ask, master, near, tokens, World, world } from "../GatewayWorld.ts"

// The option expires in decades: with a rate its forward would leave it no time value.
const rateless = { config: { RISK_FREE_RATE: "0" } }
// A Friday in the past.
const day = "2026-11-20"
const openMs = Date.parse(`${day}T09:15:00+05:30`)
const minuteMs = 60_000
const span = `from=${day}&to=${day}`
const symbols = new Map<number, string>([
  [tokens.nifty, "NIFTY 50"],
  [tokens.call, "NIFTY98JAN24500CE"],
  [tokens.infy, "INFY"],
  [tokens.future, "GOLDM99DECFUT"]
])
const t = (atMs: number) => (Date.parse(`${near}T15:40:00+05:30`) - atMs - minuteMs) / (365 * 86_400_000)
const spotAt = (n: number) => 24_500 + (n % 10)
const priceOf = (token: number, n: number): number => {
  if (token !== tokens.call) return Math.round(spotAt(n) * 100)
  const atMs = openMs + n * minuteMs
  return Math.round(Black76.priceOf(1, spotAt(n), 24_500, t(atMs), 0, 0.14) * 100)
}
const bar = (token: number, n: number, more: Partial<NewBar> = {}): NewBar => {
  const price = priceOf(token, n)
  return {
    exchange: master.byToken.get(token)?.exchange ?? "",
    instrumentToken: token,
    tradingsymbol: symbols.get(token) ?? "",
    minutes: 1,
    source: "broker",
    at: new Date(openMs + n * minuteMs),
    open: price,
    high: price + 5,
    low: price - 5,
    close: price,
    volume: n,
    oi: token === tokens.nifty ? 0 : 1_000 + n,
    complete: true,
    ...more
  }
}

/** The engine, with a broker that has the given number of minutes of that Friday. */
const engine = (answer: (question: Asks.HistoryQuestion) => ReadonlyArray<NewBar> | Error) =>
  Effect.gen(function* () {
    const world = yield* World
    const repo = yield* BarRepo
    const asked: Array<Asks.HistoryQuestion> = []
    yield* Asks.serve(
      Asks.fetchHistory,
      (question) =>
        Effect.gen(function* () {
          asked.push(question)
          const bars = answer(question)
          if (bars instanceof Error) return yield* Effect.fail(bars)
          const { exchange, instrument_token: instrumentToken, tradingsymbol, minutes } = question
          const of = { exchange, instrumentToken, tradingsymbol, minutes }
          yield* Effect.orDie(repo.markFetched(of, [day]))
          return { bars: yield* Effect.orDie(repo.save(bars)) }
        }),
      1
    ).pipe(Effect.provideService(JetStream, world.engine), Effect.forkScoped)
    yield* Effect.promise(() => world.engine.nc.flush())
    return asked
  })
const minutes = (token: number, count: number) => Array.from({ length: count }, (_, n) => bar(token, n))

layer(world(), { excludeTestServices: true })("History from the broker", (it) => {
  it.effect("TC-REG-003 TC-GRK-030 candles have exactly the contract's fields, exact prices, and open interest only on request", () =>
    Effect.gen(function* () {
      yield* engine(({ instrument_token }) => minutes(instrument_token, 3))
      const { status, body } = yield* ask(`/history?instrument_token=${tokens.infy}&interval=minute&${span}`)
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body, {
        candles: [0, 1, 2].map((n) => ({
          date: new Date(openMs + n * minuteMs).toISOString(),
          open: 24_500 + n,
          high: 24_500.05 + n,
          low: 24_499.95 + n,
          close: 24_500 + n,
          volume: n,
          oi: null,
          greeks: null
        }))
      })
      const named = yield* ask(`/history?instrument_token=${tokens.infy}&interval=minute&${span}&sources=1`)
      assert.deepStrictEqual(
        named.body.candles.map(({ source, complete }: Record<string, unknown>) => [source, complete]),
        Array(3).fill(["broker", undefined])
      )
      const openInterest = (token: number) =>
        Effect.map(ask(`/history?instrument_token=${token}&interval=minute&${span}&oi=1`), ({ body }) =>
          body.candles.map(({ oi }: { oi: number }) => oi)
        )
      assert.deepStrictEqual(yield* openInterest(tokens.call), [1_000, 1_001, 1_002])
      // The broker writes one for a share too, which has none.
      assert.deepStrictEqual(yield* openInterest(tokens.infy), [null, null, null])
    }).pipe(Effect.scoped)
  )
})

layer(world(), { excludeTestServices: true })("History of days and hours beyond the usual session (public bug reports)", (it) => {
  /** A broker that has a candle for each minute, or for the day, of any requested span. */
  const everything = ({ instrument_token, minutes, from_ms, to_ms }: Asks.HistoryQuestion) => {
    const step = minutes * minuteMs
    const starts = minutes === 1440 ? [from_ms] : Array.from({ length: Math.ceil((to_ms - from_ms) / step) }, (_, n) => from_ms + n * step)
    return starts.map((atMs) =>
      bar(instrument_token, 0, { minutes, at: new Date(atMs), tradingsymbol: symbols.get(instrument_token) ?? "" })
    )
  }
  const days = (body: { readonly candles: ReadonlyArray<{ readonly date: string }> }) =>
    body.candles.map(({ date }) => new Date(Date.parse(date) + 19_800_000).toISOString().slice(0, 10))

  it.effect("case 3: requests a commodity's evening, early morning and late evening from the broker", () =>
    Effect.gen(function* () {
      const asked = yield* engine(everything)
      const gold = `/history?instrument_token=${tokens.future}&interval=minute`
      const ist = (time: string) => encodeURIComponent(`2026-07-15T${time}:00+05:30`)
      const evening = yield* ask(`${gold}&from=${ist("18:00")}&to=${ist("22:59")}`)
      assert.deepStrictEqual([evening.status, evening.body.candles.length, evening.body.warning], [200, 300, undefined])
      assert.strictEqual(asked.length, 1)
      const other = (from: string, to: string) => {
        const day = (time: string) => encodeURIComponent(`2026-07-16T${time}:00+05:30`)
        return ask(`${gold}&from=${day(from)}&to=${day(to)}`)
      }
      assert.strictEqual((yield* other("09:00", "09:14")).body.candles.length, 15)
      assert.strictEqual(asked.length, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("BE-DAY-04 the broker is not asked for days on which the token named another contract", () =>
    Effect.gen(function* () {
      const asked = yield* engine(everything)
      const instruments = yield* InstrumentRepo
      const now = master.byToken.get(tokens.put)
      assert(now !== undefined)
      yield* instruments.replace("2026-07-14", [{ ...now, tradingsymbol: "NIFTY26JUL24500PE", expiry: "2026-07-14" }])
      yield* instruments.replace("2026-07-15", [now])
      yield* ask(`/history?instrument_token=${tokens.put}&interval=minute&from=2026-07-13&to=2026-07-15`)
      assert.deepStrictEqual(
        asked.map(({ from_ms }) => new Date(from_ms).toISOString()),
        ["2026-07-14T18:30:00.000Z"]
      )
      const before = yield* ask(`/history?instrument_token=${tokens.put}&interval=minute&from=2026-07-13&to=2026-07-14`)
      assert.deepStrictEqual([before.status, before.body.candles, asked.length], [200, [], 1])
    }).pipe(Effect.scoped)
  )

  it.effect("case 4: a Sunday with trading has its candle, alone and at the end of a span; one without is not requested", () =>
    Effect.gen(function* () {
      const asked = yield* engine(everything)
      const infy = `/history?instrument_token=${tokens.infy}&interval=day`
      const budget = yield* ask(`${infy}&from=2026-02-01&to=2026-02-01`)
      assert.deepStrictEqual([days(budget.body), budget.body.warning], [["2026-02-01"], undefined])
      assert.strictEqual(asked.length, 1)
      yield* ask(`${infy}&from=2026-01-30&to=2026-02-01`)
      assert.isAtLeast(Math.max(...asked.map(({ to_ms }) => to_ms)), Date.parse("2026-02-01T15:30:00+05:30"))
      const before = asked.length
      const closed = yield* ask(`${infy}&from=2026-02-08&to=2026-02-08`)
      assert.deepStrictEqual([closed.status, closed.body.candles, asked.length], [200, [], before])
    }).pipe(Effect.scoped)
  )
})

layer(world(rateless), { excludeTestServices: true })("History with Greeks", (it) => {
  it.effect("TC-GRK-031 100 candles with Greeks need one fetch of the underlying, and a second request needs none", () =>
    Effect.gen(function* () {
      const asked = yield* engine(({ instrument_token }) => minutes(instrument_token, 100))
      const path = `/history?instrument_token=${tokens.call}&interval=minute&${span}&greeks=true`
      const { body } = yield* ask(path)
      assert.strictEqual(body.candles.length, 100)
      for (const { greeks } of body.candles) {
        assert.deepStrictEqual(Object.keys(greeks), ["delta", "gamma", "theta", "vega"])
        assert.isTrue(greeks.delta > 0.4 && greeks.delta <= 1 && greeks.gamma >= 0 && greeks.vega > 0)
      }
      assert.deepStrictEqual(
        asked.map(({ instrument_token }) => instrument_token),
        [tokens.call, tokens.nifty]
      )
      assert.deepStrictEqual((yield* ask(path)).body, body)
      assert.strictEqual(asked.length, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("TC-GRK-030 TC-GRK-031 the candles themselves are the same with Greeks and without", () =>
    Effect.gen(function* () {
      const path = `/history?instrument_token=${tokens.call}&interval=minute&${span}&oi=true`
      const plain = (yield* ask(`${path}&greeks=false`)).body.candles
      const valued = (yield* ask(path)).body.candles
      assert.isTrue(plain.every((candle: { greeks: unknown }) => candle.greeks === null))
      assert.deepStrictEqual(
        valued.map((candle: object) => ({ ...candle, greeks: null })),
        plain
      )
    })
  )
})

layer(world(rateless), { excludeTestServices: true })("History with holes", (it) => {
  it.effect("TC-GRK-032 a candle without its underlying's price has a reason instead of Greeks, and the others have Greeks", () =>
    Effect.gen(function* () {
      yield* engine(({ instrument_token }) => minutes(instrument_token, 5).filter((_, n) => instrument_token !== tokens.nifty || n !== 2))
      const { body } = yield* ask(`/history?instrument_token=${tokens.call}&interval=minute&${span}`)
      assert.deepStrictEqual(
        body.candles.map(({ greeks, greeks_reason }: { greeks: unknown; greeks_reason?: string }) => [
          greeks === null,
          greeks_reason ?? null
        ]),
        [0, 1, 2, 3, 4].map((n) => [n === 2, n === 2 ? "no_underlying_price" : null])
      )
    }).pipe(Effect.scoped)
  )
})

layer(world(rateless), { excludeTestServices: true })("History without the broker", (it) => {
  it.effect(
    "BE-REC-02 serves our own candles, says which are incomplete, with a warning about what is missing; without any candle it is 503",
    () =>
      Effect.gen(function* () {
        yield* engine(() => new Error("the broker's history is unavailable"))
        const path = `/history?instrument_token=${tokens.infy}&interval=5minute&${span}`
        const none = yield* ask(path)
        assert.deepStrictEqual([none.status, none.body.detail], [503, "Engine: the broker's history is unavailable"])
        const repo = yield* BarRepo
        yield* repo.save([0, 1, 2, 3, 4, 5].map((n) => bar(tokens.infy, n, { source: "live", complete: n !== 5 })))
        const { status, body } = yield* ask(path)
        assert.strictEqual(status, 200)
        assert.strictEqual(body.warning, "Engine: the broker's history is unavailable")
        assert.deepStrictEqual(
          body.candles.map(({ date, open, close, volume }: Record<string, unknown>) => [date, open, close, volume]),
          [
            ["2026-11-20T03:45:00.000Z", 24_500, 24_504, 10],
            ["2026-11-20T03:50:00.000Z", 24_505, 24_505, 5]
          ]
        )
        const kept = yield* ask(`${path.replace("5minute", "minute")}&sources=1`)
        assert.deepStrictEqual(
          kept.body.candles.map(({ source, complete }: Record<string, unknown>) => [source, complete]),
          [...Array(5).fill(["live", undefined]), ["live", false]]
        )
      }).pipe(Effect.scoped)
  )

  it.effect("BE-SVC-07 serves a complete session of our own bars without the broker, after a restart too", () =>
    Effect.gen(function* () {
      const asked = yield* engine(() => new Error("not asked"))
      const repo = yield* BarRepo
      yield* repo.save(Array.from({ length: 375 }, (_, n) => bar(tokens.nifty, n, { source: "live", volume: 0 })))
      const { body } = yield* ask(`/historical?symbol=nifty&timeframe=1d&${span}`)
      assert.deepStrictEqual(body, {
        symbol: "NIFTY",
        timeframe: "day",
        instrument_token: tokens.nifty,
        exchange: "NSE",
        tradingsymbol: "NIFTY 50",
        candles: [{ date: "2026-11-19T18:30:00.000Z", open: 24_500, high: 24_509.05, low: 24_499.95, close: 24_504, volume: 0, oi: null }]
      })
      assert.strictEqual((yield* ask(`/historical?symbol=NSE:NIFTY%2050&timeframe=hour&${span}`)).body.candles.length, 7)
      assert.deepStrictEqual(asked, [])
    }).pipe(Effect.scoped)
  )

  it.effect("BE-DAT-07 a missing instrument is 404, an impossible request 422 with its field", () =>
    Effect.gen(function* () {
      const of = `instrument_token=${tokens.nifty}`
      const cases: ReadonlyArray<readonly [string, number, string]> = [
        [`/history?instrument_token=1&interval=minute&${span}`, 404, "Instrument not found"],
        [`/historical?symbol=NOSUCH&timeframe=day&${span}`, 404, "Symbol not found"],
        [`/history?instrument_token=abc&interval=minute&${span}`, 422, "Validation error: instrument_token"],
        [`/history?${of}&interval=2minute&${span}`, 422, "Validation error: interval"],
        [`/history?interval=minute&${span}`, 422, "Validation error: instrument_token"],
        [`/history?${of}&interval=minute&from=yesterday`, 422, "Validation error: from"],
        [`/history?${of}&interval=minute&from=2026-02-30&to=${day}`, 422, "Validation error: from"],
        [`/history?${of}&interval=minute&from=2026-11-21&to=${day}`, 422, "Validation error: from: must not be after to"],
        [`/history?${of}&interval=minute&from=2020-01-01&to=${day}`, 422, "Validation error: from: at most 194 days"],
        [`/history?${of}&interval=minute&${span}&oi=maybe`, 422, "Validation error: oi"],
        [`/history?${of}&interval=minute&${span}&nosuch=1`, 422, "Validation error: nosuch"]
      ]
      for (const [path, status, detail] of cases) {
        const answer = yield* ask(path)
        assert.deepStrictEqual([answer.status, answer.body.detail.slice(0, detail.length)], [status, detail], path)
      }
      assert.strictEqual((yield* ask(`/history?${of}&interval=minute&${span}`, { as: null })).status, 401)
    })
  )

  it.effect("times with an offset, in India's time, in seconds and as days mean the same instant", () =>
    Effect.gen(function* () {
      const at = (from: string, to: string) =>
        Effect.map(
          ask(`/history?instrument_token=${tokens.nifty}&interval=minute&from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`),
          ({ body }) => body.candles.map(({ date }: { date: string }) => date.slice(11, 16))
        )
      const expected = ["03:45", "03:46"]
      assert.deepStrictEqual(yield* at(`${day}T03:45:00Z`, `${day}T03:46:30Z`), expected)
      assert.deepStrictEqual(yield* at(`${day}T09:15:00+05:30`, `${day}T09:16:00+0530`), expected)
      assert.deepStrictEqual(yield* at(`${day} 09:15:00`, `${day} 09:16`), expected)
      assert.deepStrictEqual(yield* at(String(openMs / 1_000), String(openMs / 1_000 + 60)), expected)
      assert.strictEqual((yield* at(day, day)).length, 375)
    })
  )
})

layer(world(), { excludeTestServices: true })("UDF", (it) => {
  it.effect("config, time, symbols and search are in the protocol's form", () =>
    Effect.gen(function* () {
      const config = (yield* ask("/udf/config")).body
      assert.deepInclude(config, { supports_search: true, supports_group_request: false, supports_time: true })
      assert.include(config.supported_resolutions, "1D")
      const time = yield* ask("/udf/time")
      assert.match(String(time.body), /^\d{10}$/)
      assert.match(time.headers.get("content-type") ?? "", /^text\/plain/)
      const info = (yield* ask("/udf/symbols?symbol=NIFTY98JAN24500CE&currencyCode=INR")).body
      assert.deepInclude(info, {
        name: "NIFTY98JAN24500CE",
        ticker: "NFO:NIFTY98JAN24500CE",
        type: "option",
        session: "0915-1540",
        timezone: "Asia/Kolkata",
        minmov: 5,
        pricescale: 100,
        has_intraday: true,
        expired: false
      })
      assert.deepInclude((yield* ask("/udf/symbols?symbol=NIFTY")).body, {
        ticker: "NSE:NIFTY 50",
        type: "index",
        minmov: 1,
        visible_plots_set: "ohlc"
      })
      assert.deepStrictEqual((yield* ask("/udf/symbols?symbol=NOSUCH")).body, { s: "error", errmsg: "unknown_symbol" })
      const found = (yield* ask("/udf/search?query=nifty&type=index&exchange=&limit=10")).body
      assert.deepStrictEqual(found, [
        { symbol: "NIFTY 50", full_name: "NSE:NIFTY 50", description: "NIFTY 50", exchange: "NSE", ticker: "NSE:NIFTY 50", type: "index" }
      ])
      assert.strictEqual((yield* ask("/udf/search?query=nifty&type=&exchange=NFO&limit=2")).body.length, 2)
    })
  )

  it.effect(
    "history is in columns of seconds, a day at its date's midnight UTC; no data names the last bar before; errors have UDF's form",
    () =>
      Effect.gen(function* () {
        yield* engine(({ instrument_token, minutes: length }) =>
          length === 1
            ? minutes(instrument_token, 10)
            : [bar(instrument_token, 0, { minutes: length, at: new Date(Date.parse(`${day}T00:00:00+05:30`)) })]
        )
        const from = openMs / 1_000
        const history = (query: string) => Effect.map(ask(`/udf/history?symbol=NSE:INFY&${query}`), ({ body }) => body)
        const bars = yield* history(`resolution=1&from=${from}&to=${from + 180}`)
        assert.deepStrictEqual(bars, {
          s: "ok",
          t: [from, from + 60, from + 120],
          o: [24_500, 24_501, 24_502],
          h: [24_500.05, 24_501.05, 24_502.05],
          l: [24_499.95, 24_500.95, 24_501.95],
          c: [24_500, 24_501, 24_502],
          v: [0, 1, 2]
        })
        const counted = yield* history(`resolution=1&from=${from + 540}&to=${from + 600}&countback=4`)
        assert.deepStrictEqual(counted.t, [from + 360, from + 420, from + 480, from + 540])
        const midnight = Date.parse(`${day}T00:00:00Z`) / 1_000
        const days = yield* history(`resolution=1D&from=${midnight}&to=${midnight + 86_400}`)
        assert.deepStrictEqual([days.s, days.t], ["ok", [midnight]])
        const later = from + 3 * 86_400
        assert.deepStrictEqual(yield* history(`resolution=1&from=${later}&to=${later + 60}`), { s: "no_data", nextTime: from + 540 })
        for (const [query, errmsg] of [
          [`resolution=7&from=${from}&to=${from + 60}`, "unsupported resolution"],
          ["resolution=1&from=x&to=y", "from, to and countback are whole numbers"]
        ] as const) {
          assert.deepStrictEqual(yield* history(query), { s: "error", errmsg })
        }
        assert.deepStrictEqual((yield* ask(`/udf/history?symbol=NOSUCH&resolution=1&from=${from}&to=${from}`)).body, {
          s: "error",
          errmsg: "unknown_symbol"
        })
      }).pipe(Effect.scoped)
  )

  it.effect("quotes answer each symbol at its position, and an unknown one does not affect the others", () =>
    Effect.gen(function* () {
      yield* engine(() => [])
      const repo = yield* BarRepo
      // The last sessions before now.
      const midnight = (back: number) =>
        new Date(Date.parse(`${new Date(Date.now() - back * 86_400_000 + 19_800_000).toISOString().slice(0, 10)}T00:00:00+05:30`))
      yield* repo.save([
        bar(tokens.nifty, 0, { minutes: 1440, at: midnight(3), open: 2_400_000, high: 2_400_000, low: 2_400_000, close: 2_400_000 }),
        bar(tokens.nifty, 0, { minutes: 1440, at: midnight(2), open: 2_410_000, high: 2_430_000, low: 2_405_000, close: 2_424_000 })
      ])
      const { body } = yield* ask("/udf/quotes?symbols=NSE:NIFTY%2050,NOSUCH")
      assert.strictEqual(body.s, "ok")
      assert.deepStrictEqual(body.d[0], {
        s: "ok",
        n: "NSE:NIFTY 50",
        v: {
          short_name: "NIFTY 50",
          exchange: "NSE",
          original_name: "NSE:NIFTY 50",
          description: "NIFTY 50",
          lp: 24_240,
          ch: 240,
          chp: 1,
          open_price: 24_100,
          high_price: 24_300,
          low_price: 24_050,
          prev_close_price: 24_000,
          volume: 0
        }
      })
      assert.deepStrictEqual(body.d[1], { s: "error", n: "NOSUCH", v: {}, errmsg: "unknown_symbol" })
    }).pipe(Effect.scoped)
  )

  it.effect("without credentials it is 401", () =>
    Effect.gen(function* () {
      for (const path of ["config", "time", "search?query=a", "quotes?symbols=a"])
        assert.strictEqual((yield* ask(`/udf/${path}`, { as: null })).status, 401, path)
    })
  )
})

layer(world({ config: { UDF_PUBLIC: "true" }, hasInstruments: false }), { excludeTestServices: true })("UDF, public and empty", (it) => {
  it.effect("BE-DAT-06 answers without credentials, and is well-formed when empty", () =>
    Effect.gen(function* () {
      const open = (path: string) => Effect.map(ask(`/udf/${path}`, { as: null }), ({ status, body }) => [status, body])
      assert.deepStrictEqual(yield* open("search?query=nifty&type=&exchange=&limit=5"), [200, []])
      assert.deepStrictEqual(yield* open("quotes?symbols="), [200, { s: "ok", d: [] }])
      assert.strictEqual((yield* open("config"))[0], 200)
      assert.strictEqual((yield* ask("/instruments", { as: null })).status, 401)
    })
  )
})

layer(world(), { excludeTestServices: true })("Bounds of history", (it) => {
  const spanDays = ({ from_ms, to_ms }: Asks.HistoryQuestion) => (to_ms - from_ms) / 86_400_000

  it.effect("BE-ISO-04 countback takes precedence over from: ten bars since 1938 read days, not years", () =>
    Effect.gen(function* () {
      const asked = yield* engine(({ instrument_token }) => minutes(instrument_token, 30))
      const to = openMs / 1_000 + 3_600
      const { status, body } = yield* ask(`/udf/history?symbol=NSE:INFY&resolution=1&from=-1009843200&to=${to}&countback=10`)
      assert.deepStrictEqual([status, body.s, body.t.length], [200, "ok", 10])
      assert.isAtMost(Math.max(...asked.map(spanDays)), 15)
    }).pipe(Effect.scoped)
  )

  it.effect("BE-ISO-04 no parameter makes a read longer than the limit of candles", () =>
    Effect.gen(function* () {
      const asked = yield* engine(({ instrument_token }) => minutes(instrument_token, 1))
      const to = openMs / 1_000 + 3_600
      const { status } = yield* ask(`/udf/history?symbol=NSE:INFY&resolution=1&from=-1009843200&to=${to}&countback=99999999`)
      assert.strictEqual(status, 200)
      assert.isAtMost(Math.max(...asked.map(spanDays)), 51)
      const tooLong = yield* ask(`/history?instrument_token=${tokens.infy}&interval=minute&from=2026-01-01&to=${day}`)
      assert.deepStrictEqual([tooLong.status, tooLong.body.errors[0].field], [422, "from"])
    }).pipe(Effect.scoped)
  )

  it.effect(
    "BE-ISO-04 timers keep running while tens of thousands of candles are read, valued and written",
    () =>
      Effect.gen(function* () {
        const repo = yield* BarRepo
        const days = 30
        const token = tokens.nifty
        const many = Array.from({ length: days }, (_, back) =>
          Array.from({ length: 375 }, (_, n) =>
            bar(token, n - back * 1_440, {
              source: "live",
              oi: null,
              open: 2_450_000,
              high: 2_450_000,
              low: 2_450_000,
              close: 2_450_000,
              volume: 0
            })
          )
        ).flat()
        yield* Effect.orDie(repo.save(many))
        yield* engine(() => [])
        // This process's own time: on a busy machine another program may run at any moment.
        const usedMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1_000
        let longestMs = 0
        let lastMs = usedMs()
        const watch = setInterval(() => {
          const nowMs = usedMs()
          longestMs = Math.max(longestMs, nowMs - lastMs)
          lastMs = nowMs
        }, 1)
        const from = new Date(openMs - days * 86_400_000).toISOString()
        const startMs = usedMs()
        const { status, body } = yield* ask(`/history?instrument_token=${token}&interval=minute&from=${from}&to=${day}`)
        const tookMs = usedMs() - startMs
        clearInterval(watch)
        assert.strictEqual(status, 200)
        assert.strictEqual(body.candles.length, days * 375)
        // Without slices the read would block timers for most of its time. (The client of this test parses the answer in the same
        // process.)
        assert.isBelow(longestMs, tookMs / 3, `${longestMs} of ${tookMs} ms`)
      }).pipe(Effect.scoped),
    300_000
  )
})
