import * as SqlClient from "@effect/sql/SqlClient"
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import * as AlertActor from "../../../src/actors/alerts/AlertActor.ts"
import * as AlertRelay from "../../../src/actors/alerts/AlertRelay.ts"
import { subjectOf } from "../../../src/actors/alerts/Inputs.ts"
import * as GreeksActor from "../../../src/actors/market/GreeksActor.ts"
import * as AlertDecider from "../../../src/domain/alerts/AlertDecider.ts"
import { initialState, type Standing, type Watch } from "../../../src/domain/alerts/AlertRule.ts"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import type * as StrategyMessage from "../../../src/domain/strategy/StrategyMessage.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import { AlertRepo } from "../../../src/store/alerts/AlertRepo.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import * as Deciding from "../../domain/Deciding.ts"
import { anIndex, anInstrument } from "../../domain/market/AnInstrument.ts"
import {
  chain,
  chainPackets,
  expiry,
  future,
  futureToken,
  Recorder,
  settings,
  spot,
  spotToken,
  startMs
} from "../../domain/record/Recorder.ts"
import { fresh } from "../../store/Stores.ts"
import { backend, streams, until } from "../../streams/Nats.ts"

const World = Layer.mergeAll(fresh(), streams).pipe(Layer.provideMerge(backend))

const underlying = { exchange: "NSE", name: "NIFTY" }
const names = { exchange: "NSE", underlying: "NIFTY" }
const ofIndex = { source: "instrument", exchange: "NSE", tradingsymbol: "NIFTY 50", instrument_token: spotToken, underlying } as const
const ofFuture = { ...ofIndex, exchange: "NFO", tradingsymbol: "NIFTYFUT", instrument_token: futureToken } as const
const atTheMoney = chain().find(({ kind, strike }) => kind === "CE" && strike === 24_500)?.instrument_token ?? 0
const ofOption = { ...ofFuture, tradingsymbol: "NIFTY24500CE", instrument_token: atTheMoney } as const
const ofChain = { source: "chain", exchange: "NSE", symbol: "NIFTY", expiry } as const
const ofStrategy = { source: "strategy", strategy_id: 7, field: "m2m" } as const

const listed = Instrument.makeMaster("2026-08-19", [
  anIndex(ofIndex.instrument_token, ofIndex.tradingsymbol),
  anInstrument(ofFuture.instrument_token, { tradingsymbol: ofFuture.tradingsymbol, expiry, instrumentType: "FUT", segment: "NFO-FUT" }),
  anInstrument(ofOption.instrument_token, { tradingsymbol: ofOption.tradingsymbol, expiry, instrumentType: "CE", strike: 2_450_000 })
])

type Rule = readonly [
  on: Watch,
  condition: "above" | "below" | "crosses_above" | "crosses_below",
  threshold: number,
  hysteresis: number,
  cooldownS: number
]
const rules: ReadonlyArray<Rule> = [
  [{ ...ofIndex, field: "last_price" }, "above", 24_540, 5, 0],
  [{ ...ofIndex, field: "last_price" }, "crosses_below", 24_470, 0, 1],
  [{ ...ofFuture, field: "volume" }, "above", 3_000, 0, 0],
  [{ ...ofOption, field: "iv" }, "crosses_above", 0.15, 0.005, 0],
  [{ ...ofOption, field: "delta" }, "below", 0.5, 0.02, 0],
  [{ ...ofChain, field: "straddle" }, "crosses_above", 370, 1, 0],
  [{ ...ofChain, field: "atm_iv" }, "below", 0.14, 0.001, 0],
  [ofStrategy, "crosses_above", 100, 10, 0]
]
/** Alerts that only the last messages fire. When they have fired, all earlier messages were decided. */
const ends: ReadonlyArray<Rule> = [
  [{ ...ofIndex, field: "last_price" }, "above", 90_000, 0, 0],
  [{ ...ofOption, field: "iv" }, "above", 0.9, 0, 0],
  [{ ...ofChain, field: "atm_iv" }, "above", 0.9, 0, 0],
  [ofStrategy, "above", 1_000_000, 0, 0]
]

/** A market that swings, with three packets of the index in each frame. In every eighth frame its price leaves and returns at once. */
const stretch = () => {
  const recorder = new Recorder().reference([spot, future, ...chain()])
  const swing = (step: number) => 40 * Math.sin(step / 2.5)
  for (let step = 0; step < 60; step++) {
    const atMs = startMs + step * 100
    const forward = 24_510 + swing(step)
    const index = (place: number, price: number) => ({ token: spotToken, price: Math.round(price * 20) / 20, atMs: atMs + place * 20 })
    const spike = step % 8 === 3 ? 60 : 0
    recorder
      .frame(atMs, [
        index(0, forward - 10),
        { token: futureToken, price: Math.round(forward * 20) / 20, volume: step * 100, atMs },
        index(1, forward - 10 + spike),
        index(2, forward - 8),
        ...chainPackets(forward, 0.145 + 0.01 * Math.sin(step / 4), atMs)
      ])
      .clock(atMs + 99)
  }
  const atMs = startMs + 10_000
  return recorder
    .frame(atMs, [
      { token: spotToken, price: 95_000, atMs },
      { token: futureToken, price: 24_510, atMs },
      ...chainPackets(24_510, 0.95, atMs)
    ])
    .clock(atMs + 250)
}

interface Published {
  readonly subject: string
  readonly seq: number
  /** For a frame one value by token, for other inputs one message. */
  readonly values: (on: Watch) => ReadonlyArray<{ readonly value: Money.Decimal; readonly asOf: string }>
}

/** Publishes the stretch as the ticker and the deciders do, every third frame twice. Returns what was published. */
const publish = (recorder: Recorder) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const published: Array<Published> = []
    const route = GreeksActor.route("NSE", "NIFTY")
    const decider = UnderlyingDecider.make({ ...names, settings })
    let state = decider.initial
    let marks = 0
    const one = (value: number | null | undefined, asOf: string) =>
      value === null || value === undefined ? [] : [{ value: Money.ofNumber(value), asOf }]
    for (const input of recorder.inputs) {
      if (input._tag === "Frame") {
        const subject = Subjects.Frame.at(names)
        const headers = { [FrameHeader.name]: FrameHeader.format(input.header, subject) }
        const { seq } = yield* jetStream.publish(subject, input.bytes, { headers })
        const packets = recorder.packetsOf(input)
        published.push({
          subject,
          seq,
          values: (on) =>
            on.source !== "instrument"
              ? []
              : packets
                  .filter(({ token }) => token === on.instrument_token)
                  .map(({ atMs, price, volume }) => ({
                    value: new Money.Decimal(on.field === "volume" ? (volume ?? 0) : price),
                    asOf: IndiaTime.isoTime(atMs ?? 0)
                  }))
        })
        if (input.header.number % 3 === 1) yield* jetStream.publish(subject, input.bytes, { headers })
      }
      const [next, outputs] = Deciding.fold(decider, state, [input])
      state = next
      for (const output of outputs) {
        if (output.kind !== "tick" && output.kind !== "delta") continue
        const { encode, subject } = route(output)
        const { seq } = yield* jetStream.publish(subject, encode(undefined))
        published.push({
          subject,
          seq,
          values: (on) => {
            if (output.kind === "delta") return on.source === "chain" ? one(output.message[on.field], output.message.as_of) : []
            if (on.source !== "instrument") return []
            const row = output.message.columns.instrument_token.indexOf(on.instrument_token)
            return one(output.message.columns[on.field][row], output.message.as_of)
          }
        })
      }
      if (input._tag !== "Clock") continue
      const m2m = new Money.Decimal(input.atMs > startMs + 9_000 ? 2_000_000 : Math.round(150 * Math.sin(marks++ / 2)))
      const asOf = IndiaTime.isoTime(input.atMs)
      const greeks = { net_delta: null, net_gamma: null, net_theta: null, net_vega: null }
      const mark: StrategyMessage.Mark = {
        ...{ v: 1, as_of: asOf, seq: 1, strategy_id: 7, m2m, unrealised_pnl: null, realised_pnl: Money.zero, total_pnl: null },
        ...greeks,
        complete: true,
        missing: []
      }
      const subject = Subjects.Mark.at({ owner: "u1", strategy: "7" })
      const { seq } = yield* jetStream.publish(subject, Subjects.Mark.encode(mark))
      published.push({ subject, seq, values: (on) => (on.source === "strategy" ? [{ value: m2m, asOf }] : []) })
    }
    return published
  })

/** The expected events: the rule applied to the published values, without the actor. A message fires an alert at most once. */
const expected = (published: ReadonlyArray<Published>, [watch, condition, threshold, hysteresis, cooldownS]: Rule) => {
  const rule = { condition, threshold: new Money.Decimal(threshold), hysteresis: new Money.Decimal(hysteresis), repeat: true, cooldownS }
  const subject = subjectOf({ owner: "u1", watch })
  let standing: Standing = { state: initialState(condition), firedAtMs: null }
  const events: Array<readonly [seq: number, asOf: string, value: string]> = []
  for (const message of published.filter((one) => one.subject === subject)) {
    let fired = false
    for (const { asOf, value } of message.values(watch)) {
      const next = AlertDecider.decide(rule, standing, value, Date.parse(asOf))
      if (next.fires && fired) continue
      standing = next.standing
      if (!next.fires) continue
      fired = true
      events.push([message.seq, asOf, String(value)])
    }
  }
  return events
}

const create = Effect.flatMap(AlertRepo, (repo) =>
  Effect.forEach([...rules, ...ends], ([watch, condition, threshold, hysteresis, cooldownS], at) =>
    repo.create("u1", {
      name: `alert ${at}`,
      watch,
      condition,
      threshold: new Money.Decimal(threshold),
      hysteresis: new Money.Decimal(hysteresis),
      repeat: at < rules.length,
      cooldownS,
      webhook: null,
      state: initialState(condition)
    })
  )
)

interface Row {
  readonly event_id: number
  readonly alert_id: number
  readonly seq: number
  readonly as_of: string
  readonly value: string
}
const events = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql<Row>`SELECT event_id::int, alert_id::int, input_seq::int AS seq, body->>'as_of' AS as_of, body->>'value' AS value
    FROM alert_events ORDER BY alert_id, input_seq`
)
const standings = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`SELECT alert_id::int, state, fired_at, input_seq::int FROM alerts ORDER BY alert_id`
)
/** Restores the saved rows from before the stretch, as a run finds them that was killed there. */
const back = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`UPDATE alerts SET (state, fired_at, input_epoch, input_seq) =
    (SELECT state, fired_at, input_epoch, input_seq FROM alerts_before b WHERE b.alert_id = alerts.alert_id)`
  yield* sql`UPDATE alert_places SET input_seq = (SELECT input_seq FROM places_before b WHERE b.source = alert_places.source)`
})

/** Runs both actors until the alerts of the last messages have fired. */
const decideAll = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* until("everything is decided", () =>
    Effect.map(sql`SELECT 1 FROM alerts WHERE state = 'done'`, (done) => done.length === ends.length)
  )
  yield* until("NATS has all events", () => Effect.map(sql`SELECT 1 FROM alert_events WHERE NOT is_published`, (left) => left.length === 0))
})
const running = Effect.gen(function* () {
  const actors = yield* Effect.all([AlertActor.make, AlertRelay.make])
  return yield* Effect.all(actors, { concurrency: "unbounded", discard: true })
})

/** The actors are killed before every third write, and right after the next one, when the write is done but they have not learned it. */
const killedAgainAndAgain = Effect.gen(function* () {
  const repo = yield* AlertRepo
  let writes = 0
  const kills = { count: 0 }
  const deadly = <A, E>(write: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const turn = writes++ % 3
      if (turn === 2) return write
      kills.count++
      return turn === 0 ? Effect.die("killed before the write") : Effect.zipRight(write, Effect.die("killed after the write"))
    })
  const mortal = AlertRepo.make({
    ...repo,
    step: (steps, place) => (steps.length === 0 ? repo.step(steps, place) : deadly(repo.step(steps, place))),
    published: (ids) => deadly(repo.published(ids))
  })
  const run = Effect.forever(Effect.catchAllDefect(Effect.provideService(running, AlertRepo, mortal), () => Effect.void))
  return { kills, run }
})

layer(World, { excludeTestServices: true })("alerts on the record", (it) => {
  it.effect("the same stretch gives the same events, live, evaluated again, and with kills in the middle; each exactly once", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const jetStream = yield* JetStream
      const registry = yield* InstrumentRegistry
      registry.set(listed)
      yield* create
      const live = yield* Effect.fork(running)
      yield* until("all alerts are taken up", () =>
        Effect.map(sql`SELECT 1 FROM alerts WHERE input_seq IS NULL`, (left) => left.length === 0)
      )
      yield* sql`CREATE TABLE alerts_before AS SELECT alert_id, state, fired_at, input_epoch, input_seq FROM alerts`
      yield* sql`CREATE TABLE places_before AS SELECT source, input_seq FROM alert_places`
      const published = yield* publish(stretch())
      yield* decideAll
      yield* Fiber.interrupt(live)

      const first = yield* events
      const seen = (rows: ReadonlyArray<Row>) => rows.map(({ alert_id, as_of, seq, value }) => ({ alert_id, seq, as_of, value }))
      const wanted = [...rules, ...ends].flatMap((rule, at) =>
        expected(published, rule)
          .slice(0, at < rules.length ? undefined : 1)
          .map(([seq, as_of, value]) => ({ alert_id: at + 1, seq, as_of, value }))
      )
      assert.deepStrictEqual(seen(first), wanted)
      for (const at of rules.keys()) assert.isAtLeast(first.filter(({ alert_id }) => alert_id === at + 1).length, 1, `alert ${at} fires`)
      const samples = published.filter(({ subject }) => subject === Subjects.Tick.at(names))
      const sampled = new Set(
        samples.flatMap(({ values }) => values({ ...ofIndex, field: "last_price" }).map(({ value }) => String(value)))
      )
      const between = first.filter(({ alert_id, value }) => alert_id === 1 && !sampled.has(value))
      assert.isAtLeast(between.length, 1, "a price that no md.tick has fires too")
      const standing = yield* standings

      const { kills, run } = yield* killedAgainAndAgain
      yield* back
      const again = yield* Effect.fork(run)
      yield* decideAll
      yield* Fiber.interrupt(again)
      assert.deepStrictEqual(yield* events, first, "the same events, with the same ids")
      assert.deepStrictEqual(yield* standings, standing)
      assert.isAtLeast(kills.count, 2)

      yield* sql`DELETE FROM alert_events`
      yield* back
      const { lastSeq } = yield* jetStream.info(Subjects.AlertEvent.stream)
      const killed = yield* Effect.fork(run)
      yield* decideAll
      yield* Fiber.interrupt(killed)
      const recovered = yield* events
      assert.deepStrictEqual(seen(recovered), wanted)
      assert.deepStrictEqual(yield* standings, standing)
      const stored = (yield* jetStream.info(Subjects.AlertEvent.stream)).lastSeq - lastSeq
      assert.strictEqual(stored, recovered.length, "NATS has each once, although the relay was killed after it had sent them")
    })
  )
})
