import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import type { Bars } from "../../../src/domain/market/Bar.ts"
import type { Lives } from "../../../src/domain/record/Lives.ts"
import { stillAfterSeconds } from "../../../src/gateway/service/Stillness.ts"
import * as DaysMarket from "../../../src/simulator/days/DaysMarket.ts"
import type * as Simulator from "../../../src/simulator/Simulator.ts"
import { ask, eventually, natsClient, type Running, readAll, start, world } from "../PlatformWorld.ts"

/**
 * An expiry that a holiday shifts, a Muhurat hour, a holiday with an evening of commodities, a monthly expiry, another with a change of lot
 * behind it, a budget Sunday, and the hours of August 2026.
 */
const days = [
  "2025-10-20",
  "2025-10-21",
  "2025-10-22",
  "2025-10-23",
  "2025-10-28",
  "2025-10-29",
  "2025-12-30",
  "2025-12-31",
  "2026-02-01",
  "2026-08-03"
]

/** Few strikes, and four months of NIFTY, because the lot of the farthest month changes on 2025-12-31. */
const products = DaysMarket.products
  .filter(({ name }) => name !== "SENSEX")
  .map((one) => ({ ...one, monthlies: one.name === "NIFTY" ? 4 : one.monthlies, strikesEachSide: Math.min(one.strikesEachSide, 1) }))

/** A share of M&M becomes two on a day of the ten. */
const split = { name: "M&M", on: "2025-10-28", factor: 2 } as const

type Minute = readonly [at: string, open: number, high: number, low: number, close: number, volume: number, oi: number]
interface Truth {
  readonly instruments: ReadonlyArray<{
    readonly exchange: string
    readonly tradingsymbol: string
    readonly instrument_token: number
    readonly expiry: string | null
    readonly lot_size: number
    readonly last_price: number
    readonly volume: number
    readonly oi: number
    readonly model: Model | null
    readonly minutes: ReadonlyArray<Minute>
  }>
  readonly settlements: ReadonlyArray<{ readonly tradingsymbol: string; readonly price: string }>
  /** Minutes of net premium: start, open, high, low, close. */
  readonly premiums: Readonly<Record<string, ReadonlyArray<readonly [string, string, string, string, string]>>>
}

const legs = [
  { exchange: "NFO", tradingsymbol: "NIFTY25O2024500CE", direction: "SELL", quantity: 75, entry_price: "120" },
  { exchange: "NFO", tradingsymbol: "NIFTY25OCTFUT", direction: "BUY", quantity: 75, entry_price: "24500.5" },
  { exchange: "NFO", tradingsymbol: "NIFTY25DEC24500PE", direction: "SELL", quantity: 75, entry_price: "300.05" }
] as const
/** Counts contracts of 100 barrels. */
const crude = { exchange: "MCX", tradingsymbol: "CRUDEOIL25NOVFUT", direction: "BUY", quantity: 1, entry_price: "5700" } as const
const crudeUntil = "2025-10-29"
/** Calls and puts of three strikes, so that the forward follows from parity. By the day on which they are subscribed. */
const chains = new Map([
  ["2025-10-20", ["NIFTY25O20", "NIFTY25DEC", "CRUDEOIL25NOV"]],
  ["2025-10-21", ["NIFTY25N11"]],
  ["2025-10-23", ["NIFTY25OCT"]],
  ["2025-12-30", ["NIFTY26MAR", "NIFTY26106"]],
  ["2026-08-03", ["NIFTY26804"]]
])
/** Instants of each day at which the market stands still, and the phase of the options that /health says then. */
const phases = new Map<string, ReadonlyArray<readonly [time: string, phase: string]>>([
  [
    "2025-10-20",
    [
      ["09:10", "closed"],
      ["12:00", "continuous"],
      ["18:00", "closed"]
    ]
  ],
  ["2025-10-21", [["14:00", "continuous"]]],
  ["2025-10-22", [["18:00", "closed"]]],
  ["2025-10-23", [["12:00", "continuous"]]],
  ["2025-10-28", [["10:00", "continuous"]]],
  [
    "2025-10-29",
    [
      ["12:00", "continuous"],
      ["22:00", "closed"]
    ]
  ],
  ["2025-12-30", [["11:00", "continuous"]]],
  ["2025-12-31", [["12:00", "continuous"]]],
  ["2026-02-01", [["12:00", "continuous"]]],
  [
    "2026-08-03",
    [
      ["12:00", "continuous"],
      ["15:35", "continuous"]
    ]
  ]
])
/** The step of a minute's trades. */
const stepSeconds = 20
const cash = ["NIFTY 50", "M&M", "CRUDEOIL25NOVFUT"]

/** The same strategies for the simulator's truth. */
const known = [
  { name: "held", legs },
  { name: "crude", legs: [crude] }
].map(({ name, legs }) => ({
  name,
  legs: legs.map(({ entry_price, ...leg }) => ({ ...leg, entry: Math.round(Number(entry_price) * 100) }))
}))

/** Advances the market through its stages one by one. */
const makeSteps = () => {
  const deferreds = new Map<string, Deferred.Deferred<void>>()
  const of = (what: "reached" | "released", day: string, stage: string) => {
    const key = `${what} ${day} ${stage}`
    const found = deferreds.get(key) ?? Effect.runSync(Deferred.make<void>())
    deferreds.set(key, found)
    return found
  }
  return {
    gate: (day: string, stage: string) =>
      Effect.zipRight(Deferred.succeed(of("reached", day, stage), undefined), Deferred.await(of("released", day, stage))),
    reached: (day: string, stage: string) => Deferred.await(of("reached", day, stage)),
    goOn: (day: string, stage: string) => Effect.asVoid(Deferred.succeed(of("released", day, stage), undefined))
  }
}

/** Holds the market at the first instant at or after each of `phases`. */
const makeHolds = (gate: (day: string, stage: string) => Effect.Effect<void>) => {
  const left = [...phases].flatMap(([day, all]) => all.map(([time]) => ({ day, time, atMs: Date.parse(`${day}T${time}:00+05:30`) })))
  return (atMs: number): Effect.Effect<void> => {
    const next = left[0]
    if (next === undefined || atMs < next.atMs) return Effect.void
    left.shift()
    return gate(next.day, next.time)
  }
}

const cents = (rupees: string | number): number => Math.round(Number(rupees) * 100)

/** The strategy's profit according to the truth of the days so far, in paise. */
const profitBy = (truths: ReadonlyArray<Truth>) => {
  let [realised, unrealised, settled] = [0, 0, 0]
  for (const { tradingsymbol, direction, quantity, entry_price } of legs) {
    const signed = direction === "BUY" ? quantity : -quantity
    const final = truths.flatMap(({ settlements }) => settlements).find((one) => one.tradingsymbol === tradingsymbol)
    const last = truths.flatMap(({ instruments }) => instruments).findLast((one) => one.tradingsymbol === tradingsymbol && one.volume > 0)
    if (final !== undefined) {
      realised += (cents(final.price) - cents(entry_price)) * signed
      settled++
    } else unrealised += (cents(last?.last_price ?? 0) - cents(entry_price)) * signed
  }
  return { realised, unrealised, settled }
}

/** Open, high, low and close of the strategy's net premium by minute, in paise. */
const premiums = (truths: ReadonlyArray<Truth>, name: string) =>
  truths.flatMap((truth) => (truth.premiums[name] ?? []).map(([at, ...values]) => [at, values.map(cents)] as const))

/**
 * How far the platform's numbers may be from the model's, beside a fiftieth of each: prices are rounded to the tick, and the trades of a
 * chain are up to a step apart.
 */
const tolerance = { iv: 0.0005, delta: 0.002, gamma: 0.00001, theta: 0.08, vega: 0.2 } as const
type Numbers = Record<keyof typeof tolerance, number | null>
type Model = Record<keyof typeof tolerance, number>

/** How far the underlying may move from one step to the next, in rupees. */
const stepPoints = 3
/** Options that expire later than this, 50 days, are held to the fixed tolerances alone. */
const farHours = 1_200

const isNear = (found: Numbers, model: Model, tick: number, untilExpiryHours: number): boolean =>
  (Object.keys(tolerance) as ReadonlyArray<keyof typeof tolerance>).every((name) => {
    const rounding = { iv: tick / (100 * model.vega), delta: stepPoints * model.gamma, gamma: 0, theta: 0, vega: 0 }[name]
    const share = untilExpiryHours > farHours ? 0 : 0.02
    const allowed = Math.max(tolerance[name], rounding, share * Math.abs(model[name]))
    return found[name] !== null && Math.abs(found[name] - model[name]) <= allowed
  })
const hoursTo = (expiry: string, day: string, time: string) =>
  (Date.parse(`${expiry}T15:30:00+05:30`) - Date.parse(`${day}T${time}:00+05:30`)) / 3_600_000
const nameOf = (symbol: string): string => /^[A-Z]+/.exec(symbol)?.[0] ?? ""
const isOption = (symbol: string): boolean => /\d[CP]E$/.test(symbol)

/** Closed minutes by instrument and start. */
const closedMinutes = (all: ReadonlyArray<Bars>) =>
  new Map(
    all.flatMap(({ tradingsymbol, bars }) =>
      bars
        .filter(({ closed }) => closed)
        .map(
          ({ timestamp, open, high, low, close, volume, oi }) =>
            [`${tradingsymbol} ${timestamp}`, [open, high, low, close, volume, oi ?? 0]] as const
        )
    )
  )

const truthOf = (simulator: Simulator.Service, day: string) => simulator.market.truth?.(day) as Truth

/** The chain of one expiry from REST: each option by its symbol. */
const chainOf = (running: Running, symbol: string, expiry: string) =>
  Effect.map(ask(running, `/fo/strikes?symbol=${symbol}&expiry=${expiry}`), ({ body }) => {
    type Option = { tradingsymbol: string; last_price: number; volume: number; oi: number; quality: string } & Numbers
    const rows: ReadonlyArray<Record<"call" | "put", Option | null>> = body.strikes ?? []
    return new Map(rows.flatMap(({ call, put }) => [call, put]).flatMap((one) => (one === null ? [] : [[one.tradingsymbol, one] as const])))
  })

/** The night that the test holds for longer than a feed or an output may be silent while its market is open. */
const longNight = "2025-10-21"
const nightMs = 1_000 * (stillAfterSeconds + 2)
const isNeverMissed = (health: Effect.Effect<{ readonly reason: string | null }>) =>
  Effect.gen(function* () {
    for (const endMs = performance.now() + nightMs; performance.now() < endMs; ) {
      const { reason } = yield* health
      // A busy machine may delay a writer or a probe, but nothing that is silent at night is missed.
      assert.notMatch(reason ?? "", /mute|stands still/)
      yield* Effect.sleep("250 millis")
    }
  })

const bought = { exchange: "NFO", direction: "BUY", quantity: 75, entry_price: "100" } as const
const atNight = ["NIFTY25DEC24500CE", "NIFTY25DEC24550PE"].map((tradingsymbol) => ({ ...bought, tradingsymbol }))

/** Case 12 of the public bug reports: a strategy created after the close is valued at the last prices, before anything trades again. */
const compareAtNight = (running: Running, strategy: number, before: Truth | undefined) =>
  Effect.gen(function* () {
    const lasts = atNight.map((leg) => before?.instruments.find((one) => one.tradingsymbol === leg.tradingsymbol)?.last_price ?? Number.NaN)
    const premium = -lasts.reduce((sum, last) => sum + bought.quantity * cents(last), 0)
    yield* eventually(
      `the value at the last prices: ${premium}`,
      Effect.map(ask(running, `/strategies/${strategy}`), ({ body }) => body.latest),
      (mark) => mark !== null && cents(mark.m2m ?? "0") === premium
    )
  })

/** The day after the split, on which the history of both shares' days is compared with the truth. */
const splitDay = "2025-10-29"

/** The share's minutes around its split: as traded they are the truth's, adjusted they are what the exchange's own history says. */
const compareHistory = (running: Running, simulator: Simulator.Service, day: string) =>
  Effect.gen(function* () {
    const token = simulator.market.instruments.find(({ tradingsymbol }) => tradingsymbol === split.name)?.token ?? 0
    const action = {
      symbol: split.name,
      ex_date: split.on,
      kind: "split",
      shares_before: 1,
      shares_after: split.factor,
      source: ["settings"]
    }
    const saved = yield* ask(running, "/calendar/corporate-actions/import", { method: "POST", role: "admin", body: { actions: [action] } })
    assert.deepStrictEqual(saved.body, { saved: 1, unchanged: 0 })
    const history = (adjusted: boolean) =>
      Effect.map(
        ask(running, `/history?instrument_token=${token}&interval=minute&from=${days[0]}&to=${day}&adjusted=${adjusted}`),
        ({ body }) =>
          body.candles.map((one: Record<"date" | "open" | "high" | "low" | "close" | "volume", string | number>) => [
            Date.parse(String(one.date)),
            ...[one.open, one.high, one.low, one.close].map(cents),
            one.volume
          ])
      )
    const traded = days
      .slice(0, days.indexOf(day) + 1)
      .flatMap((one) => truthOf(simulator, one).instruments.find(({ tradingsymbol }) => tradingsymbol === split.name)?.minutes ?? [])
      .map(([at, open, high, low, close, volume]) => [Date.parse(at), ...[open, high, low, close].map(cents), volume])
    const span = { fromMs: Date.parse(`${days[0]}T00:00:00+05:30`), toMs: Date.parse(`${day}T23:59:59+05:30`) }
    const adjusted = simulator.market
      .minutes(token, span)
      .map(({ atMs, open, high, low, close, volume }) => [atMs, open, high, low, close, volume])
    assert.isAbove(traded.length, 700)
    assert.notDeepEqual(traded, adjusted)
    yield* eventually("the history as traded", history(false), (found) => JSON.stringify(found) === JSON.stringify(traded))
    assert.deepStrictEqual(yield* history(true), adjusted)
  })

describe("ten simulated days", () => {
  it.scopedLive(
    "BE-DAY-09 BE-DAY-03 BE-DAY-04 BE-DAY-07 BE-SVC-04 bars, a split, chains, settlements, profit, subscriptions and health of ten days equal the simulator's truth",
    () =>
      Effect.gen(function* () {
        const steps = makeSteps()
        const { config, simulator, nats } = yield* world(
          {
            ...{ mode: "days", days, products, stepSeconds, splits: [split], strategies: known },
            ...{ gate: steps.gate, before: makeHolds(steps.gate) }
          },
          { KITE_RECONNECT_MAX: "100 millis" }
        )
        const running = yield* start(config)
        const nc = yield* natsClient(nats, "engine")
        const health = Effect.map(ask(running, "/health"), ({ body }) => body)
        const listed = (symbol: string) => simulator.market.instruments.find(({ tradingsymbol }) => tradingsymbol === symbol)
        const subscribed = (count: number) =>
          eventually(
            `${count} subscriptions`,
            Effect.sync(() => simulator.stats().subscriptions),
            (found) => found === count
          )
        const follow = (symbol: string) =>
          Effect.gen(function* () {
            const body = { instrument_token: listed(symbol)?.token, requested_mode: "FULL" }
            const { status } = yield* ask(running, "/subscriptions", { method: "POST", body })
            assert.strictEqual(status, 200, symbol)
          })

        yield* steps.reached(days[0] ?? "", "signed in")
        for (const symbol of cash) yield* follow(symbol)
        const created = yield* ask(running, "/strategies", { method: "POST", body: { name: "held", instruments: legs } })
        assert.strictEqual(created.status, 201)
        const commodity = yield* ask(running, "/strategies", { method: "POST", body: { name: "crude", instruments: [crude] } })
        assert.strictEqual(commodity.status, 201)
        const path = `/strategies/${created.body.strategy_id}`
        const definition = `strat.def.demo.${created.body.strategy_id}`
        const settledLegs = Effect.promise(async () => {
          const jsm = await nc.jetstreamManager()
          const last = await jsm.streams.getMessage("MD_FRAMES", { last_by_subj: definition })
          return (last.json() as { settled?: ReadonlyArray<unknown> }).settled?.length ?? 0
        })
        const oldToken = listed(legs[0].tradingsymbol)?.token
        const followed = new Set<string>([...cash, ...legs.map(({ tradingsymbol }) => tradingsymbol)])
        /** The expiry of each instrument that is subscribed. */
        const active = new Map([...followed].map((symbol) => [symbol, listed(symbol)?.expiry ?? null]))
        const truths: Array<Truth> = []
        /** The instruments that were subscribed on each of these days. */
        const observed: Array<ReadonlySet<string>> = []
        let lateStrategy = 0

        /** Each option's Greeks while it trades, by the model that made its price. */
        const compareGreeks = (day: string, time: string) =>
          Effect.gen(function* () {
            for (const { tradingsymbol, expiry, model } of truthOf(simulator, day).instruments) {
              if (!followed.has(tradingsymbol) || expiry === null || model === null) continue
              const tick = (listed(tradingsymbol)?.tickSize ?? 0) / 100
              yield* eventually(
                `the Greeks of ${tradingsymbol} on ${day} at ${time}: ${JSON.stringify(model)}`,
                Effect.map(chainOf(running, nameOf(tradingsymbol), expiry), (rows) => rows.get(tradingsymbol)),
                (row) => row?.quality === "live" && isNear(row, model, tick, hoursTo(expiry, day, time))
              )
            }
          })

        for (const [at, day] of days.entries()) {
          yield* steps.reached(day, "signed in")
          // Subscriptions of contracts that expired on the previous day have ended by themselves, before the new day's dump.
          const before = days[at - 1] ?? ""
          for (const [symbol, expiry] of active) if (expiry !== null && expiry <= before) active.delete(symbol)
          yield* subscribed(active.size)
          yield* eventually(
            "health in the morning, after a new login",
            health,
            (one) => one.status === "ok" && one.market.phase === "closed"
          )
          yield* steps.goOn(day, "signed in")

          yield* steps.reached(day, "dump out")
          yield* eventually("the dump of the day", health, (one) => one.dependencies.instrument_registry.trade_date === day)
          if (day === "2025-10-21") {
            const heir = simulator.market.instruments.find(({ token }) => token === oldToken)
            assert.notStrictEqual(heir?.tradingsymbol, legs[0].tradingsymbol)
            yield* follow(heir?.tradingsymbol ?? "")
            followed.add(heir?.tradingsymbol ?? "")
          }
          for (const chain of chains.get(day) ?? []) {
            const options = simulator.market.instruments.filter(({ tradingsymbol: it }) => it.startsWith(chain) && isOption(it))
            for (const { tradingsymbol } of options.filter(({ tradingsymbol }) => !followed.has(tradingsymbol))) {
              yield* follow(tradingsymbol)
              followed.add(tradingsymbol)
            }
          }
          observed.push(new Set(followed))
          for (const symbol of [...followed]) {
            const instrument = listed(symbol)
            if (instrument === undefined) active.delete(symbol)
            else active.set(symbol, instrument.expiry)
          }
          yield* subscribed(active.size)
          const expected = profitBy(truths)
          if (truths.length > 0) {
            yield* eventually(
              `profit at the morning of ${day}: ${JSON.stringify(expected)}`,
              Effect.map(ask(running, path), ({ body }) => body.latest),
              (mark) =>
                mark !== null && cents(mark.realised_pnl) === expected.realised && cents(mark.unrealised_pnl) === expected.unrealised
            )
          }
          if (truths.length > 0 && day <= crudeUntil) {
            const last = truths
              .flatMap(({ instruments }) => instruments)
              .findLast((one) => one.tradingsymbol === crude.tradingsymbol && one.volume > 0)
            const gain = 100 * (cents(last?.last_price ?? 0) - cents(crude.entry_price))
            yield* eventually(
              `a barrel's gain times 100 at the morning of ${day}: ${gain}`,
              Effect.map(ask(running, `/strategies/${commodity.body.strategy_id}`), ({ body }) => body.latest),
              (mark) => mark !== null && cents(mark.unrealised_pnl) === gain
            )
          }
          if (before === longNight) yield* compareAtNight(running, lateStrategy, truths.at(-1))
          const lot = yield* ask(running, "/instruments/by-symbol/NFO/NIFTY26MAR24500CE")
          if (day === "2025-12-30" || day === "2025-12-31") assert.strictEqual(lot.body.lot_size, day === "2025-12-30" ? 75 : 65)
          yield* eventually("health", health, (one) => one.status === "ok" && one.market.mode === "days")
          yield* steps.goOn(day, "dump out")

          for (const [time, phase] of phases.get(day) ?? []) {
            yield* steps.reached(day, time)
            yield* eventually(
              `health on ${day} at ${time}: ${phase}`,
              health,
              (one) => one.status === "ok" && one.market.state === "running" && one.market.phase === phase
            )
            if (phase === "continuous") yield* compareGreeks(day, time)
            yield* steps.goOn(day, time)
          }
          yield* steps.reached(day, "over")
          const truth = truthOf(simulator, day)
          truths.push(truth)
          const { realised, settled } = profitBy(truths)
          yield* eventually("settled legs in the record", settledLegs, (count) => count === settled)
          const { body: pnl } = yield* ask(running, `${path}/pnl`)
          assert.strictEqual(cents(pnl.realised.fifo), realised, day)
          const options = truth.instruments.filter(
            ({ tradingsymbol, expiry, volume }) => followed.has(tradingsymbol) && expiry !== null && volume > 0 && isOption(tradingsymbol)
          )
          for (const { tradingsymbol, expiry, last_price, volume, oi, model } of options) {
            const isExpired = expiry === day
            const wanted = { last_price, volume, oi, model: isExpired ? "expired" : model }
            const tick = (listed(tradingsymbol)?.tickSize ?? 0) / 100
            yield* eventually(
              `${tradingsymbol} of ${day}: ${JSON.stringify(wanted)}`,
              Effect.map(chainOf(running, nameOf(tradingsymbol), expiry ?? ""), (rows) => rows.get(tradingsymbol)),
              (row) => {
                if (row === undefined || row.last_price !== last_price || row.volume !== volume || row.oi !== oi) return false
                if (isExpired) return row.quality === "expired" && row.iv === null
                return model !== null && isNear(row, model, tick, hoursTo(expiry ?? "", day, "15:30"))
              }
            )
          }
          const final = truth.settlements.filter(({ tradingsymbol }) => followed.has(tradingsymbol) && tradingsymbol.startsWith("NIFTY"))
          for (const { tradingsymbol, price } of final)
            yield* eventually(
              `the settlement of ${tradingsymbol} by the broker: ${price}`,
              Effect.map(ask(running, `/settlements?tradingsymbol=${tradingsymbol}`), ({ body }) => body.settlements[0]),
              (one) => one?.source === "broker" && cents(one.price) === cents(price)
            )
          yield* eventually("health in the evening", health, (one) => one.status === "ok" && one.market.phase === "closed")
          if (day === longNight) {
            yield* isNeverMissed(health)
            const late = yield* ask(running, "/strategies", { method: "POST", body: { name: "at night", instruments: atNight } })
            assert.strictEqual(late.status, 201)
            lateStrategy = late.body.strategy_id
          }
          if (day === splitDay) yield* compareHistory(running, simulator, day)
          yield* steps.goOn(day, "over")
        }

        const expected = new Map(
          truths.flatMap(({ instruments }, at) =>
            instruments
              .filter(({ tradingsymbol }) => observed[at]?.has(tradingsymbol))
              .flatMap(({ tradingsymbol, minutes }) => minutes.map(([at, ...values]) => [`${tradingsymbol} ${at}`, values] as const))
          )
        )
        // A contract is observed from the day on which it was subscribed. No bar may be missing or extra.
        const bars = yield* eventually(
          "every minute's bar",
          Effect.map(readAll<Bars>(nc, "MD_BARS", "md.bar.1m.>"), closedMinutes),
          (found) => found.size >= expected.size
        )
        assert.deepStrictEqual([...bars].sort(), [...expected].sort())
        for (const [name, id] of [
          ["held", created.body.strategy_id],
          ["crude", commodity.body.strategy_id]
        ]) {
          type Candle = Record<"timestamp" | "open" | "high" | "low" | "close", string>
          const found = yield* readAll<Candle>(nc, "STRAT", `strat.candle.demo.${id}`)
          const candles = new Map(
            found.map(({ timestamp, open, high, low, close }) => [timestamp, [open, high, low, close].map(cents)] as const)
          )
          const expected = premiums(truths, name)
          assert.isAbove(expected.length, 1_000, name)
          const hasWick = ([, [open = 0, high = 0, low = 0, close = 0]]: (typeof expected)[number]) =>
            high > Math.max(open, close) || low < Math.min(open, close)
          // Commodities trade once a minute.
          if (name === "held") assert.isTrue(expected.some(hasWick), "a minute has extremes that are not its ends")
          assert.deepStrictEqual([...candles].sort(), [...expected].sort())
        }
        const lives = yield* readAll<Lives>(nc, "MD_FRAMES", "md.life.>")
        const settled = lives.flatMap(({ happenings }) =>
          happenings.flatMap((one) => (one.kind === "settled" ? [[one.contract.tradingsymbol, cents(String(one.price))] as const] : []))
        )
        const wanted = truths
          .flatMap(({ settlements }) => settlements)
          .filter(({ tradingsymbol }) => followed.has(tradingsymbol))
          .map(({ tradingsymbol, price }) => [tradingsymbol, cents(price)] as const)
        assert.deepStrictEqual([...settled].sort(), [...wanted].sort())
      }),
    1_800_000
  )
})
