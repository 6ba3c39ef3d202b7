import { createHash } from "node:crypto"
import { deserialize, serialize } from "node:v8"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import type { JsMsg, NatsConnection } from "nats"
import type { Decider } from "../../../src/domain/Decider.ts"
import type { RecordInput } from "../../../src/domain/record/RecordInput.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import { decode } from "../../../src/streams/Record.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import * as RecordHash from "../../domain/record/RecordHash.ts"
import { ask, eventually, natsClient, type Running, start, world } from "../PlatformWorld.ts"

const settings = { rate: 0.065, dividendYield: 0, staleAfterMs: 120_000 }

const all = async (nc: NatsConnection, stream: string, filter?: string): Promise<Array<JsMsg>> => {
  const consumer = await nc.jetstream().consumers.get(stream, filter === undefined ? {} : { filterSubjects: [filter] })
  let left = (await consumer.info()).num_pending
  const found: Array<JsMsg> = []
  while (left > 0) {
    for await (const message of await consumer.fetch({ max_messages: 500, expires: 2_000 })) {
      found.push(message)
      left--
    }
  }
  return found
}

const inputsOf = (messages: ReadonlyArray<JsMsg>): ReadonlyArray<RecordInput> =>
  messages.map((message) => {
    const input = decode({
      _tag: "Message",
      subject: message.subject,
      seq: message.seq,
      timeMs: 0,
      pending: 0,
      data: message.data,
      header: (name) => message.headers?.get(name) ?? ""
    })
    if (input._tag === "Refused") throw new Error(`${message.subject}: ${input.reason}`)
    return input
  })

/** Where the outputs of an underlying are published. */
const subjectOf = {
  tick: Subjects.Tick,
  state: Subjects.UnderlyingState,
  delta: Subjects.ChainDelta,
  chain: Subjects.ChainKeyframe,
  minute: Subjects.ChainMinute,
  life: Subjects.Life
}

type AnyOutput = UnderlyingDecider.Output | M2mDecider.Output
/** Folds in batches of `size`. With `resumeEvery` the state passes through a snapshot after that many batches. */
const fold = <S, O extends AnyOutput>(
  decider: Decider<S, RecordInput, O>,
  inputs: ReadonlyArray<RecordInput>,
  size: number,
  resumeEvery = 0
) => {
  let state = decider.initial
  const outputs: Array<O> = []
  for (let from = 0, batch = 1; from < inputs.length; from += size, batch++) {
    for (const input of inputs.slice(from, from + size)) {
      const [next, emitted] = decider.decide(state, input)
      state = next
      outputs.push(...emitted)
    }
    if (resumeEvery > 0 && batch % resumeEvery === 0) state = deserialize(serialize(state))
  }
  const hash = createHash("sha256")
  RecordHash.feed(hash, outputs)
  return { outputs, hash: hash.digest("hex") }
}

/** The messages published on a subject: the record sequence that caused each, and the body without the fields added by the stream. */
/** Messages by subject that were published until now. */
const countsOf = async (nc: NatsConnection) => {
  const counts = new Map<string, number>()
  for (const stream of ["OPT", "MD_TICK", "STRAT"])
    for (const { subject } of await all(nc, stream)) counts.set(subject, (counts.get(subject) ?? 0) + 1)
  return counts
}
/** The same without reading the messages. */
const countNow = (nc: NatsConnection) =>
  Effect.promise(async () => {
    const jsm = await nc.jetstreamManager({ checkAPI: false })
    const infos = await Promise.all(["OPT", "MD_TICK", "STRAT"].map((stream) => jsm.streams.info(stream, { subjects_filter: ">" })))
    return new Map(infos.flatMap(({ state }) => Object.entries(state.subjects ?? {})))
  })
/** What was published on a subject before the snapshot was lost. */
const published = (messages: ReadonlyArray<JsMsg>, counts: ReadonlyMap<string, number>) => {
  const sent = allPublished(messages)
  for (const [at, { seq }] of sent.entries()) assert.isAbove(seq, sent[at - 1]?.seq ?? 0, "nothing is published again")
  const before = counts.get(messages[0]?.subject ?? "") ?? 0
  assert.isAbove(sent.length, before, "the rebuilt actor goes on")
  return sent.slice(0, before)
}
const allPublished = (messages: ReadonlyArray<JsMsg>) =>
  messages.map((message) => {
    const { delta_seq: _deltaSeq, ...body } = JSON.parse(message.string())
    return { seq: Number(message.headers?.get("Tarang-Input").split(" ")[1]), body }
  })
const wire = (outputs: ReadonlyArray<AnyOutput>, encode: (output: never) => Uint8Array) =>
  outputs.map((output) => ({ seq: output.seq, body: JSON.parse(new TextDecoder().decode(encode(output as never))) }))

const isPrefix = (what: string, some: ReadonlyArray<unknown>, whole: ReadonlyArray<unknown>) => {
  assert.isAbove(some.length, 3, what)
  assert.isAtLeast(whole.length, some.length, what)
  assert.deepStrictEqual(some, whole.slice(0, some.length), what)
}

describe("Replay", () => {
  it.live(
    "folding the recorded frames again gives the published messages, for any batches, across a restart; after a lost snapshot nothing is published again",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world({ mode: "synthetic", rate: 10, strikesEachSide: 10 })
        const settled = (running: Running, ticks: number) =>
          eventually(
            "ticks",
            ask(running, "/health"),
            ({ body }) => body.ticker.accounts.sim1?.ticks > ticks && body.ticker.accounts.sim2?.ticks > ticks
          )

        const first = yield* start({ ...config, SEED_USER: "demo" })
        yield* settled(first, 1_000)
        yield* first.stop
        const second = yield* start({ ...config, SEED_USER: "demo" })
        yield* settled(second, 1_000)
        yield* second.stop
        const nc = yield* natsClient(nats, "engine")
        // What follows begins at a keyframe, so its first window publishes whole chains.
        const rebuiltFrom = yield* Effect.promise(() => countsOf(nc))
        // As after a crash before the first snapshot.
        yield* Effect.promise(async () => (await nc.jetstreamManager()).streams.purge("KV_snapshots"))
        const third = yield* start({ ...config, SEED_USER: "demo" })
        yield* settled(third, 1_000)
        // On a busy machine outputs come long after the ticks.
        const isOfNifty = (subject: string) => /^(opt\.delta|md\.tick)\.NSE\.NIFTY\b|^strat\.m2m\.demo\.1$/.test(subject)
        const wanted = [...rebuiltFrom].filter(([subject]) => isOfNifty(subject))
        yield* eventually("the rebuilt actors go on", countNow(nc), (now) =>
          wanted.every(([subject, before]) => (now.get(subject) ?? 0) > before)
        )
        yield* third.stop

        const record = yield* Effect.promise(() => all(nc, "MD_FRAMES"))
        const inputs = inputsOf(record)
        const nifty = () => UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings })
        const strategy = () => M2mDecider.make({ settings })
        const chain = fold(nifty(), inputs, inputs.length)
        const marks = fold(strategy(), inputs, inputs.length)
        for (const [size, resumeEvery] of [
          [1, 0],
          [7, 0],
          [97, 5],
          [500, 1]
        ] as const) {
          assert.strictEqual(fold(nifty(), inputs, size, resumeEvery).hash, chain.hash, `batches of ${size}`)
          assert.strictEqual(fold(strategy(), inputs, size, resumeEvery).hash, marks.hash, `batches of ${size}`)
        }
        // A feed that reads only this underlying sees the same.
        const filtered = inputs.filter((input) => input._tag !== "Frame" || input.underlying === "NIFTY")
        assert.isBelow(filtered.length, inputs.length)
        assert.strictEqual(fold(nifty(), filtered, 50).hash, chain.hash)

        // Messages written without a schema check still match their schema.
        for (const output of chain.outputs) {
          if (output.kind === "gap" || output.kind === "odd") continue
          const subject = subjectOf[output.kind]
          const read = subject.decodeEither((subject.encode as (message: unknown) => Uint8Array)(output.message))
          assert.deepStrictEqual(
            Either.getOrThrowWith<unknown, unknown>(read, (error) => error),
            output.message
          )
        }

        const expiries = [...new Set(chain.outputs.flatMap((output) => (output.kind === "delta" ? [output.expiry] : [])))]
        assert.isAbove(expiries.length, 1)
        for (const expiry of expiries) {
          const subject = Subjects.ChainDelta.at({ exchange: "NSE", underlying: "NIFTY", expiry })
          const sent = published(yield* Effect.promise(() => all(nc, "OPT", subject)), rebuiltFrom)
          const deltas = chain.outputs.filter((output) => output.kind === "delta" && output.expiry === expiry)
          isPrefix(
            subject,
            sent,
            wire(deltas, (output: UnderlyingDecider.Output) => Subjects.ChainDelta.encode(output.message as never))
          )
        }
        const ticks = published(
          yield* Effect.promise(() => all(nc, "MD_TICK", Subjects.Tick.at({ exchange: "NSE", underlying: "NIFTY" }))),
          rebuiltFrom
        )
        isPrefix(
          "md.tick",
          ticks,
          wire(
            chain.outputs.filter((output) => output.kind === "tick"),
            (output: UnderlyingDecider.Output) => Subjects.Tick.encode(output.message as never)
          )
        )
        const sentMarks = published(
          yield* Effect.promise(() => all(nc, "STRAT", Subjects.Mark.at({ owner: "demo", strategy: "1" }))),
          rebuiltFrom
        )
        isPrefix(
          "strat.m2m",
          sentMarks,
          wire(
            marks.outputs.filter((output) => output.kind === "mark"),
            (output: M2mDecider.Output) => Subjects.Mark.write(output.message as never)
          )
        )
      }).pipe(Effect.scoped),
    300_000
  )
})
