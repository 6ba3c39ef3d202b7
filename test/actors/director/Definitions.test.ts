import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Logger, Option } from "effect"
import * as Definitions from "../../../src/actors/director/Definitions.ts"
import { Replaced } from "../../../src/actors/runtime/Leases.ts"
import type * as StrategyDefinition from "../../../src/domain/record/StrategyDefinition.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { MarketClock } from "../../../src/streams/MarketClock.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { leg, option } from "../../domain/record/Recorder.ts"
import { until } from "../../streams/Nats.ts"
import { natsServer } from "../../TestBackends.ts"

const live = Layer.unwrapScoped(
  Effect.map(natsServer, (nats) => {
    const config = new Map([
      ["NATS_URL", nats.url],
      ["NATS_ENGINE_PASSWORD", nats.passwords.engine]
    ])
    return MarketClock.Default.pipe(
      Layer.provideMerge(Streams.layer),
      Layer.provideMerge(JetStream.layer("engine")),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(config)))
    )
  })
)
const ours = Effect.void
const replaced = new Replaced({ key: "director.1" })

describe("Definitions", () => {
  const strategy = { owner: "u1", strategy: "7" }
  const subject = Subjects.StrategyDefinition.at(strategy)
  const event = Subjects.StrategyEvent.at(strategy)
  const definition = (...unpriced: ReadonlyArray<number>): StrategyDefinition.Definition => ({
    v: 1,
    strategy_id: 7,
    owner: "u1",
    legs: [],
    unpriced
  })
  const wanted = (...unpriced: ReadonlyArray<number>) =>
    new Map([
      [
        Subjects.MarketReference.at({ exchange: "NSE", underlying: "NIFTY" }),
        Subjects.MarketReference.encode({ v: 1, exchange: "NSE", underlying: "NIFTY", instruments: [] })
      ],
      [subject, Subjects.StrategyDefinition.encode(definition(...unpriced))]
    ])
  /** The strategy's messages: the sequences of its definitions, and their announcements. */
  const found = Effect.gen(function* () {
    const { js } = yield* JetStream
    const read = (stream: string, filter: string) =>
      Effect.promise(async () => {
        const consumer = await js.consumers.get(stream, { filterSubjects: [filter] })
        const messages = []
        for (let left = (await consumer.info()).num_pending; left > 0; left--) {
          const message = await consumer.next()
          if (message !== null) messages.push(message)
        }
        return messages
      })
    const events = yield* read("STRAT", event)
    return {
      definitions: (yield* read("MD_FRAMES", subject)).map(({ seq }) => seq),
      events: yield* Effect.forEach(events, ({ data }) => Subjects.StrategyEvent.decode(event, data)),
      requests: events.map(({ headers }) => headers?.get("Tarang-Request"))
    }
  })

  it.live(
    "a new definition of a strategy is announced once, after it is in the record, however often directors look",
    () =>
      Effect.gen(function* () {
        const open = yield* Definitions.make
        const first = open(ours)
        yield* first.settle(wanted(1), "r1")
        yield* first.settle(wanted(1), "r2")
        first.forget()
        yield* first.settle(wanted(1), "r3")
        yield* open(ours).settle(wanted(1), "r4")
        yield* first.settle(wanted(1, 2), "r5")
        const { definitions, events, requests } = yield* found
        assert.deepStrictEqual(
          events.map(({ seq, strategy_id, unpriced }) => [seq, strategy_id, unpriced]),
          [
            [definitions[0], 7, [1]],
            [definitions[1], 7, [1, 2]]
          ]
        )
        assert.deepStrictEqual(requests, ["r1", "r5"])
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "the next director announces a definition that a dead one wrote without announcing it; a replaced director announces nothing",
    () =>
      Effect.gen(function* () {
        const open = yield* Definitions.make
        // Reference and definition may still be written, the event may not.
        let left = 2
        const dying = Effect.suspend(() => (left-- > 0 ? Effect.void : replaced))
        assert.strictEqual(yield* Effect.flip(open(dying).settle(wanted(1), "r1")), replaced)
        const before = yield* found
        assert.deepStrictEqual([before.definitions.length, before.events.length], [1, 0])
        yield* open(ours).settle(wanted(1), "r2")
        const after = yield* found
        assert.deepStrictEqual(after.definitions, before.definitions)
        assert.deepStrictEqual(
          after.events.map(({ seq }) => seq),
          before.definitions
        )
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "a strategy that is no longer wanted gets one last definition, even from a director that started later, and a new one if it is wanted again",
    () =>
      Effect.gen(function* () {
        const open = yield* Definitions.make
        const { last } = yield* JetStream
        const newest = Effect.flatMap(last("MD_FRAMES", subject), (found) =>
          Subjects.StrategyDefinition.decode(subject, Option.getOrThrow(found).data)
        )
        yield* open(ours).settle(wanted(1), "r1")
        const later = open(ours)
        yield* later.settle(new Map(), "r2")
        assert.deepStrictEqual(yield* newest, { v: 1, strategy_id: 7, owner: "u1", legs: [], ended: true })
        yield* later.settle(new Map(), "r3")
        yield* open(ours).settle(new Map(), "r4")
        assert.strictEqual((yield* found).definitions.length, 2)
        yield* later.settle(wanted(1), "r5")
        assert.deepStrictEqual(yield* newest, definition(1))
        const { definitions, events } = yield* found
        assert.deepStrictEqual([definitions.length, events.map(({ seq }) => seq)], [3, [definitions[0], definitions[2]]])
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "BE-ISO-01 a definition that is too large becomes one dead letter, and the other definitions are written",
    () =>
      Effect.gen(function* () {
        const { js } = yield* JetStream
        const letters = Effect.promise(async () => {
          const consumer = await js.consumers.get("DLQ", {})
          const found = []
          for (let left = (await consumer.info()).num_pending; left > 0; left--) {
            const message = await consumer.next()
            if (message !== null) found.push([message.headers?.get("Tarang-Subject"), message.headers?.get("Tarang-Reason")])
          }
          return found
        })
        const of = (strategy: number, unpriced: ReadonlyArray<number>) =>
          [
            Subjects.StrategyDefinition.at({ owner: `u${strategy}`, strategy: String(strategy) }),
            Subjects.StrategyDefinition.encode({ ...definition(), unpriced, strategy_id: strategy, owner: `u${strategy}` })
          ] as const
        const large = of(
          1,
          Array.from({ length: 200_000 }, (_, leg) => leg)
        )
        const open = yield* Definitions.make
        const director = open(ours)
        yield* director.settle(new Map([large, of(2, [1])]), "r1")
        yield* director.settle(new Map([large, of(2, [1, 2]), of(3, [])]), "r2")
        const { jsm } = yield* JetStream
        const written = yield* Effect.promise(
          async () => (await jsm.streams.info("MD_FRAMES", { subjects_filter: "strat.def.>" })).state.subjects
        )
        assert.deepStrictEqual(written, { "strat.def.u2.2": 2, "strat.def.u3.3": 1 })
        assert.deepStrictEqual(yield* letters, [["strat.def.u1.1", `${large[1].length} bytes are more than NATS takes in one message`]])
        // Another value of the same key is tried at once.
        yield* director.settle(new Map([of(1, [7])]), "r3")
        assert.strictEqual((yield* letters).length, 1)
        const repaired = yield* Effect.promise(
          async () => (await jsm.streams.info("MD_FRAMES", { subjects_filter: "strat.def.u1.*" })).state.subjects
        )
        assert.deepStrictEqual(repaired, { "strat.def.u1.1": 1 })
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "BE-ISO-01 a strategy of 10,000 legs beside a thousand others: theirs are all written and announced, its own is one dead letter",
    () =>
      Effect.gen(function* () {
        const { jsm } = yield* JetStream
        const countOf = (stream: string, filter: string) =>
          Effect.promise(async () => Object.keys((await jsm.streams.info(stream, { subjects_filter: filter })).state.subjects ?? {}).length)
        const of = (owner: string, id: number, legs: number) =>
          [
            Subjects.StrategyDefinition.at({ owner, strategy: String(id) }),
            Subjects.StrategyDefinition.encode({
              ...definition(),
              owner,
              strategy_id: id,
              legs: Array.from({ length: legs }, (_, at) => leg(at + 1, "BUY", option(24_500, "CE"), 50, "120"))
            })
          ] as const
        const others = Array.from({ length: 1_000 }, (_, at) => of(`u${at % 50}`, at + 1, 4))
        const hostile = of("mallory", 5_000, 10_000)
        const director = (yield* Definitions.make)(ours)
        // The oversized strategy is the first that the director reaches.
        yield* director.settle(new Map([hostile, ...others]), "r1")
        assert.strictEqual(yield* countOf("MD_FRAMES", "strat.def.>"), 1_000)
        assert.strictEqual(yield* countOf("MD_FRAMES", "strat.def.mallory.>"), 0)
        assert.strictEqual(yield* countOf("STRAT", "strat.evt.>"), 1_000)
        const { state } = yield* Effect.promise(() => jsm.streams.info("DLQ"))
        assert.strictEqual(state.messages, 1)
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "BE-ISO-02 a definition that is redelivered, and one of a director that knows only an older definition, change nothing",
    () =>
      Effect.gen(function* () {
        const { jsm, nc } = yield* JetStream
        const open = yield* Definitions.make
        const director = open(ours)
        const frozen = open(ours)
        yield* director.settle(wanted(1), "r1")
        yield* frozen.settle(wanted(1), "r2")
        yield* director.settle(wanted(1, 2), "r3")
        const before = yield* found
        // The server delivers the first definition on the subject on which its stream listens.
        yield* Effect.promise(async () => {
          await jsm.consumers.add("MD_FRAMES", { durable_name: "again", ack_policy: "none", filter_subject: subject } as never)
          nc.publish("$JS.API.CONSUMER.MSG.NEXT.MD_FRAMES.again", '{"batch":1,"no_wait":true}', { reply: subject })
          await nc.flush()
        })
        const consumed = Effect.promise(async () => (await jsm.consumers.info("MD_FRAMES", "again")).delivered.consumer_seq)
        yield* until("the server has delivered it", () => Effect.map(consumed, (count) => count === 1))
        assert.deepStrictEqual((yield* found).definitions, before.definitions)
        // A director that wakes up reads the newest definition before it writes.
        yield* frozen.settle(wanted(3), "r4")
        const after = yield* found
        assert.deepStrictEqual(
          after.events.map(({ unpriced }) => unpriced),
          [[1], [1, 2], [3]]
        )
        assert.strictEqual(after.definitions.length, 3)
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "BE-ISO-02 an announcement whose body names another strategy becomes a dead letter, and the definition is announced",
    () =>
      Effect.gen(function* () {
        const { publish, last } = yield* JetStream
        const director = (yield* Definitions.make)(ours)
        const other = { ...definition(1), strategy_id: 8, as_of: "2026-11-24T04:00:00.000Z", seq: 2 }
        yield* publish(event, Subjects.StrategyEvent.encode(other))
        yield* director.settle(wanted(1), "r1")
        const { definitions, events } = yield* found
        const letter = Option.getOrThrow(yield* last("DLQ", "dlq.director"))
        assert.deepStrictEqual(
          [letter.header("Tarang-Subject"), letter.header("Tarang-Reason")],
          [event, `its body belongs to another subject than ${event}`]
        )
        assert.deepStrictEqual([events.at(-1)?.strategy_id, events.at(-1)?.seq], [7, definitions[0]])
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )
})
