import { HttpServer } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { type Cause, Context, Effect, Exit } from "effect"
import type { JsMsg, NatsConnection } from "nats"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import { OutputGuard } from "../../../src/domain/record/OutputGuard.ts"
import * as OutputPlace from "../../../src/domain/record/OutputPlace.ts"
import type { RecordInput } from "../../../src/domain/record/RecordInput.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import { decode } from "../../../src/streams/Record.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { accountIds, ask, begin, eventually, natsClient, socket, world } from "../../platform/PlatformWorld.ts"
import { freePort } from "./Process.ts"
import { program, Runner } from "./Runner.ts"

const strategies = 16
const user = "demo"
/** The default settings of the deciders. */
const settings = { rate: 0.065, dividendYield: 0, staleAfterMs: 120_000 }

const all = (nc: NatsConnection, stream: string, filter: string) =>
  Effect.promise(async () => {
    const consumer = await nc.jetstream().consumers.get(stream, { filterSubjects: [filter] })
    let left = (await consumer.info()).num_pending
    const found: Array<JsMsg> = []
    while (left > 0) {
      for await (const message of await consumer.fetch({ max_messages: Math.min(left, 500), expires: 2_000 })) {
        found.push(message)
        left--
      }
    }
    return found
  })
const inputOf = (message: JsMsg): RecordInput => {
  const header = (name: string) => message.headers?.get(name) ?? ""
  const input = decode({ _tag: "Message", subject: message.subject, seq: message.seq, timeMs: 0, pending: 0, data: message.data, header })
  if (input._tag === "Refused") throw new Error(`${message.subject}: ${input.reason}`)
  return input
}
/**
 * The record messages that caused the outputs on a subject. Readers refuse what a frozen process had in its socket when another replaced it,
 * and so does this one.
 */
const causes = (nc: NatsConnection, stream: string, subject: string) =>
  Effect.map(all(nc, stream, subject), (found) => {
    const guard = new OutputGuard()
    const header = (message: JsMsg) => (name: string) => message.headers?.get(name) ?? ""
    const accepted = found.filter((message) => guard.refusal({ subject, seq: message.seq, header: header(message) }) === undefined)
    return accepted.flatMap((message) => OutputPlace.parse(header(message)(OutputPlace.name))?.seq ?? [])
  })

const comparedMin = 10
/** Checks that the outputs from the first to the last message equal those of an uninterrupted fold, without gaps and duplicates. */
const isUnbroken = (what: string, sent: ReadonlyArray<number>, whole: ReadonlyArray<number>) => {
  assert.isAbove(sent.length, comparedMin, what)
  const [first = 0, last = 0] = [sent[0], sent[sent.length - 1]]
  const expected = whole.filter((seq) => seq >= first && seq <= last)
  const lacking = expected.filter((seq) => !sent.includes(seq))
  const surplus = sent.filter((seq) => !expected.includes(seq))
  assert.deepStrictEqual({ lacking, surplus, count: sent.length }, { lacking: [], surplus: [], count: expected.length }, what)
}

const optionsOf = (instruments: ReadonlyArray<Instrument.Instrument>, name: string) => {
  const options = instruments.filter((one) => one.name === name && (one.instrumentType === "CE" || one.instrumentType === "PE"))
  const [nearest] = options.map(({ expiry }) => expiry ?? "").sort()
  const chain = options.filter(({ expiry }) => expiry === nearest).sort((a, b) => a.strike - b.strike)
  const middle = Math.floor(chain.length / 2)
  return chain.slice(middle - 4, middle + 4)
}

describe("Placement in several processes", () => {
  it.scopedLive(
    "BE-OPS-05 three processes share the actors; the actors of a killed and of a frozen process move, none runs twice, and nothing is lost",
    () =>
      Effect.gen(function* () {
        const { config, nats, simulator } = yield* world({ mode: "synthetic", rate: 2, strikesEachSide: 10 })
        const file = yield* program
        const runners: Array<Runner> = []
        yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(runners.map((one) => one.end("SIGKILL")))))
        const launch = Effect.map(freePort, (port) => {
          const placed = { PLACEMENT: "cluster", PLACEMENT_TTL: "15 seconds", RUNNER_HOST: "127.0.0.1", RUNNER_PORT: String(port) }
          const runner = new Runner(file, { ...config, ...placed, ROLES: "actors" })
          runners.push(runner)
          return runner
        })
        const running = () => runners.flatMap(({ keys }) => keys).sort()

        yield* launch
        const runAll = (what: string, wanted: ReadonlyArray<string>) =>
          eventually(what, Effect.sync(running), (keys) => new Set(keys).size === keys.length && wanted.every((key) => keys.includes(key)))
        yield* runAll("the first runs what always exists", [
          "bar-writer.1",
          "candle-writer.1",
          "life-writer.1",
          "director.1",
          "history.1",
          "instrument-refresh.1"
        ])
        yield* launch
        yield* launch

        // This process runs the gateway. Its user's connection stays open through everything below.
        const gateway = yield* begin(config, ["gateway"])
        yield* Effect.addFinalizer(() => gateway.stop)
        if (Exit.isFailure(gateway.exit)) return yield* Effect.failCause(gateway.exit.cause as Cause.Cause<never>)
        const { address } = Context.get(gateway.exit.value, HttpServer.HttpServer)
        const here = { url: `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`, logs: gateway.logs, stop: gateway.stop }

        const { instruments } = simulator.market
        const spots = instruments.filter((one) => one.segment === "INDICES" && (one.name === "NIFTY 50" || one.name === "NIFTY BANK"))
        assert.strictEqual(
          spots.length,
          2,
          instruments
            .filter((one) => one.segment === "INDICES")
            .map(({ name, tradingsymbol }) => `${name} ${tradingsymbol}`)
            .join()
        )
        for (const { token } of [...spots, ...optionsOf(instruments, "NIFTY"), ...optionsOf(instruments, "BANKNIFTY")]) {
          const answer = yield* ask(here, "/subscriptions", { method: "POST", body: { instrument_token: token, requested_mode: "FULL" } })
          assert.strictEqual(answer.status, 200, JSON.stringify(answer.body))
        }
        const ids: Array<number> = []
        for (let at = 0; at < strategies; at++) {
          const created = yield* ask(here, "/strategies", { method: "POST", body: { name: `number ${at}` } })
          ids.push(created.body.strategy_id)
          const option = optionsOf(instruments, "NIFTY")[at % 8]
          const leg = { tradingsymbol: option?.tradingsymbol, exchange: "NFO", direction: "SELL", quantity: 75, entry_price: "100" }
          const added = yield* ask(here, `/strategies/${ids[at]}/instruments`, { method: "POST", body: leg })
          assert.strictEqual(added.status, 201, JSON.stringify(added.body))
        }
        const expected = [
          "bar-writer.1",
          "bars.NSE.BANKNIFTY",
          "bars.NSE.NIFTY",
          "candle-writer.1",
          "life-writer.1",
          "director.1",
          "greeks.NSE.BANKNIFTY",
          "greeks.NSE.NIFTY",
          "history.1",
          "instrument-refresh.1",
          "strategies.NSE.NIFTY",
          ...accountIds.flatMap((id) => [`ticker.${id}`, `executor.${id}`])
        ]
        const allRun = (what: string) => runAll(what, expected)
        yield* allRun("all run")
        yield* eventually(
          "the actors are spread over the processes",
          Effect.sync(() => runners.map(({ keys }) => keys.length)),
          (counts) => counts.every((count) => count > 0)
        )

        const client = yield* socket(here, "/strategies/stream", user)
        client.send({ action: "subscribe", strategy_ids: ids })
        const seen = () => client.received.filter(({ type }) => type === "m2m")
        const holder = (key: string) => runners.find(({ keys }) => keys.includes(key))
        /** An actor may be moving from one process to another, because shards are rebalanced some time after a process joins. */
        const holderOf = (key: string) =>
          Effect.map(
            eventually(
              `a process runs ${key}`,
              Effect.sync(() => holder(key)),
              (one) => one !== undefined
            ),
            (one) => one as Runner
          )
        /** Waits until every strategy has a new value on the user's one connection. */
        const goesOn = (what: string) =>
          Effect.gen(function* () {
            const before = seen().length
            yield* eventually(
              what,
              Effect.sync(() => {
                const moved = new Set(
                  seen()
                    .slice(before)
                    .map(({ strategy_id }) => strategy_id)
                )
                return ids.filter((id) => !moved.has(id)).map((id) => ({ id, process: holder("strategies.NSE.NIFTY")?.child.pid }))
              }),
              (missing) => missing.length === 0
            )
          })
        yield* goesOn("values come")

        const killed = yield* holderOf("ticker.sim1")
        yield* Effect.promise(() => killed.end("SIGKILL"))
        yield* allRun("the killed one's actors run elsewhere")
        yield* goesOn("values go on after the kill")
        const frozen = yield* holderOf("ticker.sim2")
        const frozenAtMs = frozen.freeze()
        yield* allRun("the frozen one's actors run elsewhere")
        yield* goesOn("values go on after the freeze")
        frozen.thaw()
        yield* eventually(
          "the resumed process runs actors again",
          Effect.sync(() => frozen.keys.length),
          (count) => count > 0
        )
        yield* allRun("each runs once again")
        yield* goesOn("values go on after the thaw")
        const stopped = yield* holderOf("ticker.sim1")
        assert.strictEqual(yield* Effect.promise(() => stopped.end("SIGTERM")), 0)
        yield* allRun("the stopped one's actors run elsewhere")
        yield* goesOn("values go on after the stop")
        assert.strictEqual(client.closed(), undefined)
        yield* eventually(
          "every strategy has enough values to compare",
          Effect.sync(() => Math.min(...ids.map((id) => seen().filter(({ strategy_id }) => strategy_id === id).length))),
          (fewest) => fewest > comparedMin + 2
        )
        for (const one of runners)
          if (one.child.exitCode === null && one.child.signalCode === null) yield* Effect.promise(() => one.end("SIGTERM"))

        // Each actor ran in one process at a time, in each process under a larger epoch.
        for (const key of new Set(runners.flatMap(({ stays }) => stays.map(({ key }) => key)))) {
          const stays = runners
            .flatMap((process) => process.stays.filter((stay) => stay.key === key).map((stay) => ({ ...stay, process })))
            .sort((a, b) => a.fromMs - b.fromMs)
          for (const [at, stay] of stays.slice(1).entries()) {
            const before = stays[at] as (typeof stays)[number]
            assert.isAtLeast(stay.fromMs, before.untilMs, `${key} ran twice`)
            // An actor that ended and began again in one process keeps that process's lease.
            if (stay.process === before.process) assert.isAtLeast(stay.epoch, before.epoch, key)
            else assert.isAbove(stay.epoch, before.epoch, key)
          }
        }
        assert.isAbove(runners.flatMap(({ stays }) => stays.filter(({ key }) => key === "ticker.sim1")).length, 2)

        const nc = yield* natsClient(nats, "engine")
        const record = yield* all(nc, "MD_FRAMES", ">")
        for (const account of accountIds) {
          // A replaced process may still say which packets it did not publish (md.break).
          const headers = record
            .filter(({ subject }) => subject.startsWith("md.frame."))
            .map(({ headers }) => FrameHeader.parse(headers?.get(FrameHeader.name) ?? ""))
            .filter((header) => header !== undefined && header.account === account)
          assert.isAbove(headers.length, 10)
          let newest = 0
          for (const header of headers) {
            // The frames that a replaced process still sent are older than its end: it received nothing after that.
            if (header !== undefined && header.epoch < newest) assert.isAtMost(header.baseReceivedMs, frozenAtMs, account)
            newest = Math.max(newest, header?.epoch ?? 0)
          }
        }

        // Lives of instruments are outputs that lie in the record; no decider reads them.
        const inputs = record.filter(({ subject }) => !subject.startsWith("md.life.")).map(inputOf)
        const nifty = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings })
        let state = nifty.initial
        const deltas: Array<number> = []
        for (const input of inputs) {
          const [next, outputs] = nifty.decide(state, input)
          state = next
          for (const output of outputs) if (output.kind === "delta") deltas.push(output.seq)
        }
        const expiry = optionsOf(instruments, "NIFTY")[0]?.expiry ?? ""
        const deltaSubject = Subjects.ChainDelta.at({ exchange: "NSE", underlying: "NIFTY", expiry })
        isUnbroken(deltaSubject, yield* causes(nc, "OPT", deltaSubject), deltas)
        for (const id of ids) {
          const decider = M2mDecider.make({ settings, takes: ({ strategy_id }) => strategy_id === id })
          let state = decider.initial
          const marks: Array<number> = []
          for (const input of inputs) {
            const [next, outputs] = decider.decide(state, input)
            state = next
            for (const output of outputs) if (output.kind === "mark") marks.push(output.seq)
          }
          const subject = Subjects.Mark.at({ owner: user, strategy: String(id) })
          // An actor that started before its strategy had a leg began in the middle of the record. It publishes its value at once,
          // which a fold from the beginning does not do there.
          const definedAt = inputs.findLast((input) => input._tag === "Definition" && input.definition.strategy_id === id)?.seq ?? 0
          const [, ...sent] = (yield* causes(nc, "STRAT", subject)).filter((seq) => seq > definedAt)
          isUnbroken(subject, sent, marks)
        }
      }),
    900_000
  )
})
