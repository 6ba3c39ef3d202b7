import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Either, Fiber, Layer, Logger, Option } from "effect"
import { AckPolicy, type JetStreamManager } from "nats"
import * as BarWriter from "../../../src/actors/edge/BarWriter.ts"
import * as CandleWriter from "../../../src/actors/edge/CandleWriter.ts"
import * as ChainWriter from "../../../src/actors/edge/ChainWriter.ts"
import * as Money from "../../../src/domain/Money.ts"
import type * as Bar from "../../../src/domain/market/Bar.ts"
import type * as ChainMessage from "../../../src/domain/options/ChainMessage.ts"
import { ChainMinuteRepo } from "../../../src/store/chains/ChainMinuteRepo.ts"
import type { NewChain } from "../../../src/store/chains/ChainMinuteRows.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import { StoreInvalid, StoreUnavailable } from "../../../src/store/StoreError.ts"
import { CandleRepo, type NewCandle } from "../../../src/store/strategies/CandleRepo.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { supervise } from "../../../src/streams/Supervisor.ts"
import { until } from "../../streams/Nats.ts"
import { natsServer } from "../../TestBackends.ts"

const live = Layer.unwrapScoped(
  Effect.map(natsServer, (nats) => {
    const config = new Map([
      ["NATS_URL", nats.url],
      ["NATS_ENGINE_PASSWORD", nats.passwords.engine]
    ])
    return Streams.layer.pipe(
      Layer.provideMerge(JetStream.layer("engine")),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(config)))
    )
  })
)

/** Refuses a whole batch for one bad value, as Postgres does. */
const saveUnless =
  <Row>(isBad: (row: Row) => boolean, written: Array<Row>) =>
  (rows: ReadonlyArray<Row>) =>
    Effect.suspend(() => {
      if (rows.some(isBad)) return new StoreInvalid({ constraint: "numeric_value_out_of_range" })
      written.push(...rows)
      return Effect.succeed(rows.length)
    })
const candles = (save: CandleRepo["save"]) =>
  Layer.succeed(CandleRepo, CandleRepo.make({ save, range: () => Effect.succeed({ candles: [], total: 0 }) }))
const bars = (save: BarRepo["save"]) =>
  Layer.succeed(
    BarRepo,
    BarRepo.make({
      save,
      range: () => Effect.succeed([]),
      days: () => Effect.succeed([]),
      markFetched: () => Effect.void,
      gaps: () => Effect.succeed([])
    })
  )

const minute = "2026-11-20T04:00:00.000Z"
const candle = (strategyId: number, value: string, timestamp = minute, headers: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(JetStream, ({ publish }) => {
    const price = new Money.Decimal(value)
    const prices = { open: price, high: price, low: price, close: price }
    const body = { v: 1 as const, as_of: minute, seq: 1, strategy_id: strategyId, timestamp, ...prices }
    return publish(Subjects.Candle.at({ owner: "u1", strategy: String(strategyId) }), Subjects.Candle.encode(body), { headers })
  })
const barSubject = (token: number) => Subjects.Bars.at({ interval: "1m", exchange: "NSE", underlying: "NIFTY", token: String(token) })
const bar = (token: number, of: Partial<Bar.Bars["bars"][number]> = {}) =>
  Effect.flatMap(JetStream, ({ publish }) => {
    const one = { timestamp: minute, open: 100.05, high: 101, low: 99.95, close: 100, volume: 75, oi: null, closed: true, complete: true }
    const head = { v: 1 as const, as_of: minute, seq: 1, exchange: "NSE", underlying: "NIFTY", interval: "1m" as const }
    const body = { ...head, instrument_token: token, tradingsymbol: `T${token}`, bars: [{ ...one, ...of }] }
    return publish(barSubject(token), Subjects.Bars.encode(body))
  })

/** Waits until the consumer has read everything and there are this many dead letters. Returns their reasons, sorted. */
const done = (stream: string, durable: string, letters: number) =>
  Effect.gen(function* () {
    const { js, jsm } = yield* JetStream
    const state = Effect.promise(async () => ({
      left: await jsm.consumers.info(stream, durable).then(
        (info) => info.num_pending + info.num_ack_pending,
        () => -1
      ),
      letters: (await jsm.streams.info("DLQ")).state.messages
    }))
    let now = yield* state
    yield* until("all is read", () =>
      Effect.map(state, (found) => {
        now = found
        return now.left === 0 && now.letters >= letters
      })
    )
    assert.deepStrictEqual(now, { left: 0, letters })
    return yield* Effect.promise(async () => {
      const found: Array<string> = []
      const consumer = letters === 0 ? undefined : await js.consumers.get("DLQ")
      for (let left = letters; left > 0; left--) found.push((await consumer?.next())?.headers?.get("Tarang-Reason") ?? "")
      return found.sort()
    })
  })

describe("CandleWriter", () => {
  it.live(
    "a candle that cannot be read or that Postgres refuses becomes a dead letter with its reason, and delays no other candle",
    () => {
      const written: Array<NewCandle> = []
      return Effect.gen(function* () {
        const { publish } = yield* JetStream
        yield* candle(1, "100.05")
        yield* candle(2, "1e30")
        yield* candle(3, "1", "no time")
        yield* publish(Subjects.Candle.at({ owner: "u1", strategy: "4" }), new TextEncoder().encode("{}"))
        yield* candle(5, "-7")
        yield* Effect.forkScoped(Effect.flatten(CandleWriter.make))
        const reasons = yield* done("STRAT", "candle-writer", 3)
        assert.deepStrictEqual(
          written.map(({ strategyId }) => strategyId),
          [1, 5]
        )
        assert.include(reasons, "Postgres refuses it: numeric_value_out_of_range")
        assert.include(reasons, "no time: no time")
        assert.isTrue(reasons.every((reason) => reason !== ""))
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(live, candles(saveUnless(({ open }) => open.gt(1e20), written)))))
    },
    300_000
  )

  it.live(
    "BE-ISO-02 a candle of a replaced process and one that is published again become dead letters, and are not saved",
    () => {
      const written: Array<NewCandle> = []
      const of = (value: string, minuteOf: number, place: string) =>
        candle(1, value, `2026-11-20T04:0${minuteOf}:00.000Z`, { "Tarang-Input": place })
      return Effect.gen(function* () {
        yield* of("1", 1, "9 100 0 7")
        yield* of("666", 2, "9 101 0 3")
        yield* of("2", 2, "9 101 0 7")
        yield* of("667", 1, "9 100 0 7")
        yield* of("3", 3, "9 102 0 7")
        yield* Effect.forkScoped(Effect.flatten(CandleWriter.make))
        const reasons = yield* done("STRAT", "candle-writer", 2)
        assert.deepStrictEqual(
          written.map(({ open }) => open.toNumber()),
          [1, 2, 3]
        )
        assert.deepStrictEqual(reasons, [
          "an output of input 101 came before, this one is of 100",
          "epoch 3 belongs to a replaced process; epoch 7 has already published"
        ])
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(live, candles(saveUnless(() => false, written)))))
    },
    300_000
  )

  it.live(
    "candles that were being written when Postgres went away come again, even if newer candles were written before them",
    () => {
      const written: Array<number> = []
      let isAway = true
      const save = (rows: ReadonlyArray<NewCandle>) =>
        Effect.suspend(() => {
          if (isAway) return new StoreUnavailable({ detail: "Database unavailable: Connection lost", cause: undefined })
          written.push(...rows.map(({ strategyId }) => strategyId))
          return Effect.succeed(rows.length)
        })
      return Effect.gen(function* () {
        const writer = yield* CandleWriter.make
        yield* candle(1, "1")
        yield* candle(2, "2")
        const failed = yield* Effect.flip(writer)
        assert.strictEqual(failed._tag, "StoreUnavailable")
        isAway = false
        yield* candle(3, "3")
        const fiber = yield* Effect.fork(writer)
        yield* done("STRAT", "candle-writer", 0)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([...new Set(written)].sort(), [1, 2, 3])
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(live, candles(save))))
    },
    300_000
  )
})

describe("BarWriter", () => {
  it.live(
    "writes closed bars in the token's units; a bar that does not fit the columns or that Postgres refuses becomes a dead letter with its reason",
    () => {
      const written: Array<NewBar> = []
      return Effect.gen(function* () {
        const { publish } = yield* JetStream
        yield* bar(257)
        yield* bar(513, { closed: false })
        yield* bar(769, { open: 1e30 })
        yield* bar(1025, { timestamp: "no time" })
        yield* bar(1281, { volume: 9_999 })
        yield* publish(barSubject(1537), new TextEncoder().encode('{"closed":true}'))
        yield* bar(1792)
        yield* bar(1793, { oi: 150 })
        yield* Effect.forkScoped(Effect.flatten(BarWriter.make))
        const reasons = yield* done("MD_BARS", "bar-writer", 5)
        assert.deepStrictEqual(
          written.map(({ instrumentToken, open, close, volume, oi }) => [instrumentToken, open, close, volume, oi]),
          [
            [257, 10_005, 10_000, 75, null],
            [1793, 10_005, 10_000, 75, 150]
          ]
        )
        assert.strictEqual(reasons.filter((reason) => reason.startsWith("a bar has no time")).length, 2)
        assert.include(reasons, "Postgres refuses it: numeric_value_out_of_range")
        assert.isTrue(reasons.some((reason) => reason.includes("price unit of segment 0 (token 1792) is unknown")))
        assert.isTrue(reasons.every((reason) => reason !== ""))
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(live, bars(saveUnless(({ volume }) => volume === 9_999, written)))))
    },
    300_000
  )

  it.live(
    "takes over from an older consumer that acknowledged whole batches",
    () => {
      const written: Array<NewBar> = []
      return Effect.gen(function* () {
        const { jsm } = yield* JetStream
        const old = { durable_name: "bar-writer", ack_policy: "all", filter_subject: Subjects.Bars.filter({ interval: "1m" }) } as const
        yield* Effect.promise(() => jsm.consumers.add("MD_BARS", old as never))
        yield* bar(257)
        yield* Effect.forkScoped(Effect.flatten(BarWriter.make))
        yield* done("MD_BARS", "bar-writer", 0)
        assert.strictEqual(written.length, 1)
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(live, bars(saveUnless(() => false, written)))))
    },
    300_000
  )
})

describe("Writers", () => {
  const durable = "candle-writer"
  const newest = Effect.flatMap(JetStream, ({ last }) =>
    Effect.map(last("SYS", Subjects.Writer.at({ writer: durable })), (found) =>
      Option.getOrUndefined(Option.flatMap(found, ({ data }) => Either.getRight(Subjects.Writer.decodeEither(data))))
    )
  )
  const harms: Readonly<Record<string, (jsm: JetStreamManager) => Promise<unknown>>> = {
    deleted: (jsm) => jsm.consumers.delete("STRAT", durable),
    paused: (jsm) => jsm.consumers.pause("STRAT", durable, new Date(Date.now() + 3_600_000)),
    "given another filter": (jsm) => jsm.consumers.update("STRAT", durable, { filter_subject: "strat.m2m.>" }),
    "made a push consumer": async (jsm) => {
      const push = { durable_name: durable, deliver_subject: "label.x", ack_policy: AckPolicy.Explicit }
      const replace = async (): Promise<unknown> => {
        await jsm.consumers.delete("STRAT", durable)
        return jsm.consumers.add("STRAT", push)
      }
      // The writer may have made its consumer again meanwhile.
      await replace().catch(replace).catch(replace)
    }
  }
  for (const [harm, act] of Object.entries(harms))
    it.live(
      `BE-ISO-03 a writer whose consumer was ${harm} restores it and goes on`,
      () => {
        const written: Array<NewCandle> = []
        const hasWritten = (id: number) => () => written.some(({ strategyId }) => strategyId === id)
        return Effect.gen(function* () {
          const { jsm } = yield* JetStream
          yield* Effect.forkScoped(supervise("candle-writer", "1", Effect.flatten(CandleWriter.make)))
          yield* candle(1, "1")
          yield* until("the first candle is written", hasWritten(1))
          yield* Effect.promise(() => act(jsm))
          yield* candle(2, "2")
          yield* until("the second candle is written", hasWritten(2))
        }).pipe(Effect.scoped, Effect.provide(Layer.merge(live, candles(saveUnless(() => false, written)))))
      },
      300_000
    )

  it.live(
    "BE-ISO-03 a writer that saves nothing while messages wait reports that it is stuck, and a writer that fails reports its failure",
    () => {
      let save: CandleRepo["save"] = () => Effect.never
      return Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.flatten(CandleWriter.make))
        yield* candle(1, "1")
        yield* until("it says so", () => Effect.map(newest, (status) => status?.state === "stalled" && status.waiting === 1))
        yield* Fiber.interrupt(fiber)
        save = () => new StoreUnavailable({ detail: "Database unavailable: Connection lost", cause: undefined })
        yield* Effect.forkScoped(supervise("candle-writer", "1", Effect.flatten(CandleWriter.make)))
        yield* until("it says why it failed", () =>
          Effect.map(newest, (status) => status?.state === "failed" && status.detail?.includes("Connection lost") === true)
        )
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.merge(
            live,
            candles((rows) => save(rows))
          )
        )
      )
    },
    300_000
  )
})

const chainMinutes = (save: ChainMinuteRepo["save"]) =>
  Layer.succeed(
    ChainMinuteRepo,
    ChainMinuteRepo.make({
      save,
      count: () => Effect.succeed(0),
      chains: () => Effect.succeed([]),
      strikes: () => Effect.succeed([]),
      closes: () => Effect.succeed([]),
      deleteBefore: () => Effect.succeed(0)
    })
  )
const chainMinute = (
  expiry: string,
  of: Partial<ChainMessage.ChainMinute> = {},
  columns: Partial<ChainMessage.ChainMinute["columns"]> = {}
) =>
  Effect.flatMap(JetStream, ({ publish }) => {
    const numbers = { last_price: [1], bid: [null], ask: [1.05], volume: [75], oi: [null], oi_change: [null], iv: [0.1] }
    const greeks = { delta: [0.5], gamma: [0], theta: [-1], vega: [1], rho: [0] }
    const names = { tradingsymbol: ["NIFTY26AUG24500CE"], strike: [24_500], side: ["CE" as const], instrument_token: [514] }
    const body: ChainMessage.ChainMinute = {
      ...{ v: 1, as_of: minute, seq: 1, exchange: "NSE", underlying: "NIFTY", expiry, window: minute, minute, spot: 24_500.05 },
      ...{ forward: null, forward_source: null, atm_strike: null, atm_iv: null, max_pain: null, pcr_oi: null, pcr_volume: null },
      ...{ call_oi: 0, put_oi: 0, oi_change_from: "first_seen", convention: "b76" },
      columns: { ...names, ...numbers, ...greeks, time: [null], quality: ["live"], ...columns },
      ...of
    }
    return publish(Subjects.ChainMinute.at({ exchange: "NSE", underlying: "NIFTY", expiry }), Subjects.ChainMinute.encode(body))
  })

describe("ChainWriter", () => {
  it.live(
    "a chain that cannot be read, held or refused by Postgres becomes a dead letter with its reason, and delays no other chain",
    () => {
      const written: Array<NewChain> = []
      return Effect.gen(function* () {
        yield* chainMinute("2026-08-25")
        yield* chainMinute("2026-08-26", { minute: "never" })
        yield* chainMinute("someday")
        yield* chainMinute("2026-08-27", {}, { volume: [1.5] })
        yield* chainMinute("2026-08-28", {}, { oi: [] })
        yield* chainMinute("2026-08-29", {}, { instrument_token: [99] })
        yield* chainMinute("2026-08-30", { spot: 1e20 })
        yield* chainMinute("2026-09-01", { underlying: "BANKNIFTY" })
        yield* chainMinute("2026-09-02")
        yield* Effect.forkScoped(Effect.flatten(ChainWriter.make))
        const reasons = yield* done("OPT_MINUTE", "chain-writer", 7)
        assert.deepStrictEqual(
          written.map(({ expiry }) => expiry),
          ["2026-08-25", "2026-09-02"]
        )
        assert.deepInclude(written[0]?.strikes[0], {
          exchange: "NFO",
          tradingsymbol: "NIFTY26AUG24500CE",
          strike: 24_500,
          bid: null,
          ask: 1.05
        })
        const found = (text: string) => reasons.filter((reason) => reason.includes(text)).length
        const known = [
          "it has no time",
          "its expiry is no day: someday",
          "a count that is not a safe integer: 24500 CE",
          "its columns have different lengths",
          "segment",
          "Postgres refuses it: numeric_value_out_of_range",
          "its body belongs to another subject"
        ]
        assert.deepStrictEqual(
          known.map((text) => [text, found(text)]),
          known.map((text) => [text, 1]),
          reasons.join("\n")
        )
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(live, chainMinutes(saveUnless(({ spot }) => (spot ?? 0) > 1e15, written)))))
    },
    300_000
  )
})
