import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Fiber, Layer, Logger, Option } from "effect"
import { headers } from "nats"
import type { Published } from "../../../src/actors/runtime/Board.ts"
import { Leases } from "../../../src/actors/runtime/Leases.ts"
import { RecordActor } from "../../../src/actors/runtime/RecordActor.ts"
import type { Decider } from "../../../src/domain/Decider.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as ClockFrame from "../../../src/domain/record/ClockFrame.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import type { RecordInput } from "../../../src/domain/record/RecordInput.ts"
import { FrameFeed } from "../../../src/streams/FrameFeed.ts"
import { JetStream, NatsError } from "../../../src/streams/JetStream.ts"
import { Snapshots } from "../../../src/streams/Snapshots.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { supervise } from "../../../src/streams/Supervisor.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { valueOf } from "../../metrics/Counted.ts"
import { patientClient } from "../../NatsClient.ts"
import { waitMsMax } from "../../Patience.ts"
import { until } from "../../streams/Nats.ts"
import { type NatsServer, natsServer } from "../../TestBackends.ts"

/** A decider that adds up last prices, publishes the sum at every clock, and throws on the price 13. */
interface Sum {
  total: number
}
const summing: () => Decider<Sum, RecordInput, { readonly seq: number; readonly total: number }> = () => ({
  initial: { total: 0 },
  decide: (state, input) => {
    if (input._tag === "Frame") {
      Frame.forEachPacket(input.bytes, (offset) => {
        const price = Frame.lastPriceAt(input.bytes, offset)
        if (price === 13) throw new Error("thirteen")
        state.total += price
      })
      return [state, []]
    }
    return [state, input._tag === "Clock" ? [{ seq: input.seq, total: state.total }] : []]
  }
})
const route = ({ total }: { readonly total: number }): Published => ({
  stream: "SYS",
  subject: "sys.quality.sum",
  encode: () => new TextEncoder().encode(String(total))
})

const frame = (price: number) => Frame.frameOf([Packets.encodeLtp({ token: 256265, lastPrice: price })])
const header = (number: number) =>
  FrameHeader.format({ account: "a1", epoch: 1, incarnation: 1, number, baseReceivedMs: 1_000, source: "simulator", runs: [1, 0] })

const heldAlways = Layer.succeed(Leases, { of: () => Effect.succeed({ epoch: 1, isHeld: () => held }) })
let held = true

const liveWith = (snapshots: Layer.Layer<Snapshots, unknown, JetStream>) =>
  Layer.unwrapScoped(
    Effect.map(natsServer, (nats) => {
      const config = ConfigProvider.fromMap(
        new Map([
          ["NATS_URL", nats.url],
          ["NATS_ENGINE_PASSWORD", nats.passwords.engine]
        ])
      )
      return RecordActor.Default.pipe(
        Layer.provide([FrameFeed.Default, snapshots, heldAlways]),
        Layer.provide(Streams.layer),
        Layer.provideMerge(JetStream.layer("engine")),
        Layer.provide(Logger.remove(Logger.defaultLogger)),
        Layer.provide(Layer.setConfigProvider(config)),
        Layer.provideMerge(Layer.succeed(Server, nats))
      )
    })
  )
const live = liveWith(Snapshots.Default)
/** A bucket that can be read but not written. */
const unsaved = Layer.succeed(
  Snapshots,
  Snapshots.make({
    load: () => Effect.succeedNone,
    position: () => Effect.succeedNone,
    save: (key) => Effect.fail(new NatsError({ op: `put ${key}`, cause: new Error("TIMEOUT") })),
    drop: () => Effect.void,
    keys: Effect.succeed([])
  })
)

/** Publishes a definition. An actor that takes it folds everything after it, even if the actor starts later. */
const reference = Subjects.MarketReference.at({ exchange: "NSE", underlying: "NIFTY" })
const publishReference = Effect.flatMap(JetStream, (jetStream) =>
  jetStream.publish(reference, Subjects.MarketReference.encode({ v: 1, exchange: "NSE", underlying: "NIFTY", instruments: [] }))
)

class Server extends Context.Tag("test/Server")<Server, NatsServer>() {}

describe("RecordActor", () => {
  it.live(
    "BE-SVC-10 TC-MATL-032 a message on which the decider throws becomes a dead letter with its reason, and the actor goes on from its snapshot without it",
    () =>
      Effect.gen(function* () {
        const recordActor = yield* RecordActor
        const nats = yield* Server
        const nc = yield* Effect.acquireRelease(
          Effect.promise(() => patientClient(nats.as("engine"))),
          (nc) => Effect.promise(() => nc.close())
        )
        const js = nc.jetstream()
        const subject = Subjects.Frame.at({ exchange: "NSE", underlying: "NIFTY" })
        let number = 0
        const put = (price: number, text = header(number++)) => {
          const named = headers()
          named.set(FrameHeader.name, text)
          return Effect.promise(() => js.publish(subject, frame(price), { headers: named }))
        }
        const clock = (atMs: number) => Effect.promise(() => js.publish(Subjects.Clock.at({ account: "a1" }), ClockFrame.encode(atMs)))
        const sums = async () => {
          const consumer = await js.consumers.get("SYS", { filterSubjects: ["sys.quality.sum"] })
          let left = (await consumer.info()).num_pending
          const found: Array<string> = []
          while (left > 0)
            for await (const message of await consumer.fetch({ max_messages: 100, expires: 1_000 })) {
              found.push(message.string())
              left--
            }
          return found
        }

        yield* publishReference
        const setup = Effect.sync(() => ({
          name: "summing",
          key: "summing.1",
          layout: "1",
          decider: summing,
          frames: [subject],
          references: [reference],
          route,
          outputs: []
        }))
        const actor = recordActor.run(setup)
        let runs = 0
        const restarts = () => runs
        yield* Effect.forkScoped(
          supervise(
            "summing",
            "1",
            Effect.suspend(() => {
              runs++
              return actor
            })
          )
        )
        yield* put(100)
        yield* clock(1_100)
        yield* until("the first sum", () => Effect.map(Effect.promise(sums), (all) => all.at(-1) === "100"))
        yield* put(7, "no header of ours")
        yield* put(13)
        yield* put(5)
        yield* clock(1_200)
        yield* until("the sum without the poison", () => Effect.map(Effect.promise(sums), (all) => all.at(-1) === "105"))
        assert.deepStrictEqual(yield* Effect.promise(sums), ["100", "105"]) // nothing twice after the restart

        const letters = yield* Effect.promise(async () => {
          const consumer = await js.consumers.get("DLQ")
          const found: Array<readonly [string, string]> = []
          for (let left = (await consumer.info()).num_pending; left > 0; left--) {
            const letter = await consumer.next()
            found.push([letter?.subject ?? "", letter?.headers?.get("Tarang-Reason") ?? ""])
          }
          return found
        })
        assert.deepStrictEqual(letters.sort(), [
          ["dlq.summing", "Error: thirteen"],
          ["dlq.summing", "frame header"]
        ])

        // Another process holds the lease now and goes on from "105", so this process must publish nothing more.
        const restartsBefore = restarts()
        held = false
        yield* put(1)
        yield* clock(1_300)
        yield* until("the message to be taken and refused", () => restarts() > restartsBefore)
        assert.deepStrictEqual(yield* Effect.promise(sums), ["100", "105"])
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "BE-SVC-10 an actor that starts while NATS is away waits for it, and goes on from its snapshot without another start",
    () =>
      Effect.gen(function* () {
        held = true
        const recordActor = yield* RecordActor
        const jetStream = yield* JetStream
        const nats = yield* Server
        const clock = (atMs: number) => jetStream.publish(Subjects.Clock.at({ account: "a1" }), ClockFrame.encode(atMs))
        const subject = "sys.quality.away"
        /** Counts the clocks. */
        const counting: Decider<{ clocks: number }, RecordInput, { readonly seq: number; readonly clocks: number }> = {
          initial: { clocks: 0 },
          decide: (state, input) => {
            if (input._tag !== "Clock") return [state, []]
            state.clocks++
            return [state, [{ seq: input.seq, clocks: state.clocks }]]
          }
        }
        let runs = 0
        const setup = Effect.sync(() => {
          runs++
          return {
            name: "away",
            key: "away.1",
            layout: "1",
            decider: () => counting,
            frames: [],
            references: [reference],
            outputs: [],
            route: ({ clocks }: { readonly clocks: number }): Published => ({
              stream: "SYS",
              subject,
              encode: () => new TextEncoder().encode(String(clocks))
            })
          }
        })
        const counted = Effect.map(jetStream.last("SYS", subject), (found) =>
          Option.isSome(found) ? new TextDecoder().decode(found.value.data) : ""
        )
        const run = recordActor.run(setup)
        yield* publishReference
        yield* Effect.gen(function* () {
          yield* Effect.forkScoped(run)
          yield* clock(1_100)
          yield* until("the first run has counted", () => Effect.map(counted, (text) => text !== ""))
        }).pipe(Effect.scoped)
        const before = Number(yield* counted)
        yield* Effect.promise(() => nats.kill())
        const again = yield* Effect.forkScoped(run)
        yield* until("the start is tried again", () => valueOf("nats_tried_again_total", { actor: "away" }) > 0)
        assert.isTrue(Option.isNone(yield* Fiber.poll(again)), "it did not fail")
        yield* Effect.promise(() => nats.start())
        yield* clock(1_200)
        yield* until("the second run has counted on", () => Effect.map(counted, (text) => Number(text) > before))
        assert.deepStrictEqual([yield* counted, runs], [String(before + 1), 2])
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "two outputs of one input on one subject are both published, even if a run ends between them",
    () =>
      Effect.gen(function* () {
        held = true
        const recordActor = yield* RecordActor
        const jetStream = yield* JetStream
        const clock = (atMs: number) => jetStream.publish(Subjects.Clock.at({ account: "a1" }), ClockFrame.encode(atMs))
        const subject = "sys.quality.twice"
        const twice: Decider<null, RecordInput, { readonly seq: number; readonly text: string }> = {
          initial: null,
          decide: (state, input) => {
            const of = (place: string) => ({ seq: input.seq, text: `${input._tag === "Clock" ? input.atMs : ""}${place}` })
            return [state, input._tag === "Clock" ? [of("a"), of("b")] : []]
          }
        }
        yield* publishReference
        const { seq } = yield* clock(1_100)
        const { createdMs } = yield* jetStream.info("MD_FRAMES")
        // An earlier run published only this.
        yield* jetStream.publish(subject, new TextEncoder().encode("1100a"), { headers: { "Tarang-Input": `${createdMs} ${seq} 0` } })
        const setup = Effect.succeed({
          name: "twice",
          key: "twice.1",
          layout: "1",
          decider: () => twice,
          frames: [],
          references: [reference],
          route: ({ text }: { readonly text: string }): Published => ({
            stream: "SYS",
            subject,
            encode: () => new TextEncoder().encode(text)
          }),
          outputs: []
        })
        yield* Effect.forkScoped(recordActor.run(setup))
        yield* clock(1_200)
        const texts = Effect.promise(async () => {
          const consumer = await jetStream.js.consumers.get("SYS", { filterSubjects: [subject] })
          const found: Array<string> = []
          for (let left = (await consumer.info()).num_pending; left > 0; left--) found.push((await consumer.next())?.string() ?? "")
          return found
        })
        let found = yield* texts
        for (let attempt = 0; attempt < 1_200 && found.length < 4; attempt++) {
          yield* Effect.sleep("25 millis")
          found = yield* texts
        }
        assert.deepStrictEqual(found, ["1100a", "1100b", "1200a", "1200b"])
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "the actor goes on if an output cannot be encoded (a dead letter) or a snapshot cannot be saved (a warning)",
    () =>
      Effect.gen(function* () {
        held = true
        const recordActor = yield* RecordActor
        const jetStream = yield* JetStream
        const clock = (atMs: number) => jetStream.publish(Subjects.Clock.at({ account: "a1" }), ClockFrame.encode(atMs))
        const subject = "sys.quality.unfit"
        const clocks: Decider<null, RecordInput, { readonly seq: number; readonly atMs: number }> = {
          initial: null,
          decide: (state, input) => [state, input._tag === "Clock" ? [{ seq: input.seq, atMs: input.atMs }] : []]
        }
        const encode = (atMs: number) => {
          if (atMs === 1_200) throw new Error("no such time")
          return atMs === 1_300 ? new Uint8Array(jetStream.payloadMax()) : new TextEncoder().encode(String(atMs))
        }
        let runs = 0
        const setup = Effect.sync(() => {
          runs++
          return {
            name: "unfit",
            key: "mute.130", // its first snapshot falls due at once
            layout: "1",
            decider: () => clocks,
            frames: [],
            references: [reference],
            outputs: [{ stream: "SYS", filter: "sys.quality.*" }],
            route: ({ atMs }: { readonly atMs: number }): Published => ({ stream: "SYS", subject, encode: () => encode(atMs) })
          }
        })
        const warnings: Array<string> = []
        const logger = Logger.make(({ message, logLevel }) => {
          if (logLevel._tag === "Warning") warnings.push(String(message))
        })
        const { seq: before } = yield* publishReference
        yield* recordActor.run(setup).pipe(Effect.provide(Logger.add(logger)), Effect.forkScoped)
        for (const atMs of [1_100, 1_200, 1_300, 1_400]) yield* clock(atMs)
        const stored = Effect.map(jetStream.last("SYS", subject), (found) =>
          Option.isSome(found) ? new TextDecoder().decode(found.value.data) : ""
        )
        const isStored = (text: string) => until(`${text} is stored`, () => Effect.map(stored, (found) => found === text))
        yield* isStored("1400")
        // The first snapshot may become due after the batch with all four, and its failure is logged after the batch's outputs are stored.
        let laterMs = 1_400
        yield* until("a snapshot is due", () => Effect.map(Effect.delay(clock(++laterMs), "25 millis"), () => warnings.length > 0))
        assert.include(warnings.join(), "snapshot not saved")
        yield* clock(9_000)
        yield* isStored("9000")
        assert.strictEqual(runs, 1)
        const letters = yield* Effect.promise(async () => {
          const consumer = await jetStream.js.consumers.get("DLQ", { filterSubjects: ["dlq.unfit"] })
          const found: Array<string> = []
          // A letter may be stored after the outputs that follow it.
          for (let left = 2; left > 0; left--) {
            const letter = await consumer.next({ expires: waitMsMax })
            found.push(`${Number(letter?.headers?.get("Tarang-Seq")) - before} ${letter?.headers?.get("Tarang-Reason")}`)
          }
          return found
        })
        assert.include(letters[0], "2 cannot be encoded: Error: no such time")
        assert.match(letters[1] ?? "", /^3 \d+ bytes are more than the server takes \(\d+\)$/)
      }).pipe(Effect.scoped, Effect.provide(liveWith(unsaved))),
    300_000
  )
})
