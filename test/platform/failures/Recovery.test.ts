import { HttpServer } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { type Cause, Context, Effect, Exit } from "effect"
import type { NatsConnection } from "nats"
import * as Frame from "../../../src/domain/market/Frame.ts"
import type { Role } from "../../../src/Platform.ts"
import { waitMsMax } from "../../Patience.ts"
import { ask, begin, eventually, lastSeq, natsClient, type Socket, socket, world } from "../PlatformWorld.ts"
import { framesAfter } from "../record/Record.ts"

const role = (config: Readonly<Record<string, string>>, roles: ReadonlyArray<Role>) =>
  Effect.gen(function* () {
    const { exit, stop, logs } = yield* begin(config, roles)
    if (Exit.isFailure(exit)) return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
    yield* Effect.addFinalizer(() => stop)
    return { context: exit.value, stop, logs }
  })
const gateway = (config: Readonly<Record<string, string>>) =>
  Effect.map(role(config, ["gateway"]), ({ context, stop, logs }) => {
    const { address } = Context.get(context, HttpServer.HttpServer)
    return { url: address._tag === "TcpAddress" ? `http://127.0.0.1:${address.port}` : "", stop, logs }
  })

/** Every packet in the record by position and token. */
const recorded = (nc: NatsConnection, from: number, to: number) =>
  Effect.map(
    Effect.promise(() => framesAfter(nc, from - 1)),
    (frames) => {
      const found: Array<{ readonly place: string; readonly token: number }> = []
      for (const { data, seq } of frames) {
        let row = 0
        if (seq <= to) Frame.forEachPacket(data, (offset) => found.push({ place: `${seq}/${row++}`, token: Frame.tokenAt(data, offset) }))
      }
      return found
    }
  )

interface Tick {
  readonly epoch: number
  readonly seq: number
  readonly row: number
  readonly data: { readonly instrument_token: number }
}
const ticksOf = ({ received }: Socket): ReadonlyArray<Tick> => received.filter(({ type }) => type === "tick")

interface Update {
  readonly type: string
  readonly kind: "chain" | "delta"
  readonly epoch: number
  readonly seq: number
  readonly strikes: ReadonlyArray<Strike>
}
interface Strike {
  readonly strike: number
  readonly call: object | null
  readonly put: object | null
}
/** A strike as both REST and the stream know it: REST adds `moneyness`, and a row that does not change keeps its `age_ms` in the stream. */
const common = ({ strike, call, put }: Strike) => {
  const option = (one: object | null) => one && { ...one, moneyness: undefined, age_ms: undefined }
  return { strike, call: option(call), put: option(put) }
}
/** The chain as a client of the stream sees it. */
const folded = (received: ReadonlyArray<Update>) => {
  const rows = new Map<number, Strike>()
  for (const { type, kind, strikes } of received) {
    if (type !== "update") continue
    if (kind === "chain") rows.clear()
    for (const row of strikes) rows.set(row.strike, row)
  }
  return [...rows].sort(([a], [b]) => a - b).map(([, row]) => row)
}

describe("recovery", () => {
  it.scopedLive(
    "across a restart of the gateway a client gets every tick of its tokens once, and the current chain",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 6 }, { WS_REPLAY_MAX: `${waitMsMax} millis` })
        yield* role({ ...config, SEED_USER: "demo" }, ["actors"])
        const before = yield* gateway(config)
        const { body: page } = yield* eventually(
          "seeded",
          ask(before, "/subscriptions?limit=1000"),
          ({ body }) => (body.subscriptions?.length ?? 0) > 20
        )
        const tokens = (page.subscriptions as ReadonlyArray<{ readonly instrument_token: number }>).map((one) => one.instrument_token)
        yield* eventually("streaming", ask(before, "/health"), ({ body }) => body.ticker.accounts.sim1?.ticks > 0)
        const { body } = yield* eventually(
          "expiries",
          ask(before, "/fo/expiries?symbol=NIFTY"),
          (answer) => answer.body.expiries?.length > 0
        )
        const chain = { symbol: "NIFTY", expiry: body.expiries[0] as string }

        const ticks = yield* socket(before, "/ws/ticks")
        ticks.send({ action: "subscribe", tokens })
        const options = yield* socket(before, "/fo/stream")
        options.send({ action: "subscribe", ...chain })
        const updates = () => options.received.filter(({ type }) => type === "update") as ReadonlyArray<Update>
        yield* eventually(
          "ticks and chains",
          Effect.sync(() => Math.min(ticksOf(ticks).length / 2_000, updates().length / 5)),
          (share) => share > 1
        )

        yield* before.stop
        // All messages have arrived once the clients know the end.
        yield* eventually(
          "both clients are informed",
          Effect.sync(() => [ticks.closed(), options.closed()]),
          (codes) => codes.every((code) => code !== undefined)
        )
        const [lastTick, lastUpdate] = [ticksOf(ticks).at(-1), updates().at(-1)]
        assert.isDefined(lastTick)
        assert.isDefined(lastUpdate)
        assert.deepStrictEqual([ticks.closed(), options.closed()], [1012, 1012])
        const nc = yield* natsClient(nats)
        const awaySeq = yield* lastSeq(nc)
        yield* eventually("the market goes on", lastSeq(nc), (seq) => seq > awaySeq + 300)

        const after = yield* gateway(config)
        const again = yield* socket(after, "/ws/ticks")
        const { epoch, seq, row } = lastTick
        again.send({ action: "subscribe", tokens, since: { epoch, seq, row } })
        const chains = yield* socket(after, "/fo/stream")
        chains.send({ action: "subscribe", ...chain, since: { epoch: lastUpdate.epoch, seq: lastUpdate.seq } })
        const backSeq = yield* lastSeq(nc)
        yield* eventually(
          "live again",
          Effect.sync(() => ticksOf(again).at(-1)?.seq ?? 0),
          (newest) => newest > backSeq + 300
        )

        const got = [...ticksOf(ticks), ...ticksOf(again)].map((tick) => ({
          place: `${tick.seq}/${tick.row}`,
          token: tick.data.instrument_token
        }))
        const from = ticksOf(ticks)[0]?.seq ?? 0
        const to = ticksOf(again).at(-1)?.seq ?? 0
        // The frames at both edges may have been delivered in part.
        const isWhole = ({ place }: { readonly place: string }) => Number.parseInt(place, 10) > from && Number.parseInt(place, 10) < to
        const wanted = new Set(tokens)
        const stored = (yield* recorded(nc, from, to)).filter((one) => wanted.has(one.token) && isWhole(one))
        assert.isAbove(stored.length, 2_000)
        assert.deepStrictEqual(got.filter(isWhole), stored)
        assert.isEmpty([...again.received, ...chains.received].filter(({ type }) => type === "gap" || type === "error"))

        const first = chains.received.find(({ type }) => type === "update") as Update
        assert.strictEqual(first.kind, "chain")
        assert.isAbove(first.seq, lastUpdate.seq)
        // The two requests are sent at different instants, and a window may close in between.
        const strikes = Effect.map(ask(after, `/fo/strikes?symbol=NIFTY&expiry=${chain.expiry}`), ({ body }) => body.strikes.map(common))
        yield* eventually("the state of the stream is that of REST", strikes, (now) => {
          const state = folded(chains.received).map(common)
          return state.length > 5 && JSON.stringify(state) === JSON.stringify(now)
        })
      }),
    900_000
  )
})
