import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { NatsConnection } from "nats"
import { WebSocket } from "ws"
import * as Client from "../../../src/client/Client.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import { ask, eventually, lastSeq, mayFallSilent, natsClient, socket, start, token, world } from "../PlatformWorld.ts"
import { framesAfter, readRecord } from "../record/Record.ts"

interface Listed {
  readonly instrument_token: number
  readonly tradingsymbol: string
  readonly segment: string
}

/** Packets of the frames after `after`: stream sequence and token of each. */
const packetsAfter = (nc: NatsConnection, after: number, until: number) =>
  Effect.map(
    Effect.promise(() => framesAfter(nc, after)),
    (frames) => {
      const found: Array<{ readonly seq: number; readonly token: number }> = []
      for (const { data, seq } of frames)
        if (seq <= until) Frame.forEachPacket(data, (offset) => found.push({ seq, token: Frame.tokenAt(data, offset) }))
      return found
    }
  )

describe("Streaming", () => {
  it.live(
    "TC-MATL-030 one account, 50 options at 10 ticks a second: every tick is published and reaches the client, with Greeks",
    () =>
      Effect.gen(function* () {
        const { config, nats, simulator } = yield* world({ mode: "synthetic", rate: 10, strikesEachSide: 12 }, mayFallSilent, {}, ["sim1"])
        const running = yield* start(config)
        const jwt = yield* token()
        const { effects, ticks } = Client.make({ url: running.url, token: jwt, WebSocket })
        const ofNifty = simulator.market.instruments.filter(({ name }) => name === "NIFTY")
        const tokens = ofNifty
          .filter(({ segment }) => segment === "NFO-OPT")
          .toSorted((a, b) => (a.expiry ?? "").localeCompare(b.expiry ?? ""))
          .slice(0, 50)
          .map(({ token }) => token)
        assert.strictEqual(tokens.length, 50)
        const future = ofNifty.find(({ instrumentType }) => instrumentType === "FUT")?.token
        const subscriptions = [256265, future, ...tokens].map((instrument_token) => ({ instrument_token, requested_mode: "FULL" }))
        const added = yield* ask(running, "/subscriptions/batch", { method: "POST", body: { subscriptions } })
        assert.deepInclude(added.body, { created: 52, refused: [] })
        const wanted = new Set(tokens)
        const ticksOf = Effect.map(effects.health(), ({ ticker }) => ticker.accounts["sim1"]?.ticks ?? 0)
        // The client fails while the report says `down`.
        yield* eventually(
          "streaming",
          Effect.orElseSucceed(ticksOf, () => 0),
          (ticks) => ticks > 0
        )
        const got: Array<Client.Tick> = []
        let priced = 0
        const pricedTokens = new Set<number>()
        const others: Array<string> = []
        yield* Effect.acquireRelease(
          Effect.sync(() =>
            ticks({
              items: tokens,
              onEvent: (event) => {
                if (event.type === "tick") got.push(event)
                else others.push(event.type === "state" ? event.state : event.type)
                if (event.type !== "tick" || event.data.delta === null) return
                priced++
                pricedTokens.add(event.data.instrument_token)
              }
            })
          ),
          ({ close }) => Effect.sync(close)
        )
        yield* eventually(
          "ticks with Greeks",
          Effect.sync(() => priced),
          (count) => count > 1_500 && pricedTokens.size === tokens.length
        )
        assert.deepStrictEqual(others, ["connecting", "open", "connected", "subscribed"])
        const [first = 0, last = 0] = [got[0]?.seq, got.at(-1)?.seq]
        const nc = yield* natsClient(nats)
        // Frames at the edges may have been delivered in part.
        const inner = (seq: number) => seq > first && seq < last
        const stored = (yield* packetsAfter(nc, first, last - 1)).filter(({ seq, token }) => inner(seq) && wanted.has(token))
        const delivered = got.filter(({ seq }) => inner(seq)).map(({ seq, data }) => ({ seq, token: data.instrument_token }))
        assert.isAbove(stored.length, 1_000)
        assert.deepStrictEqual(delivered, stored)
        for (const { data } of got) {
          assert.isTrue(data.is_mock)
          assert.isAbove(data.last_price, 0)
        }
        for (const { data } of got) {
          const { delta, gamma, vega } = data
          if (delta !== null)
            assert.isTrue(Math.abs(delta) <= 1 && (gamma ?? Number.NaN) >= 0 && (vega ?? Number.NaN) >= 0, JSON.stringify(data))
        }
        // The market falls silent, so that everything that the broker sent arrives.
        for (const at of simulator.stats().spread.keys()) simulator.mute(at)
        const { packets } = simulator.stats()
        yield* eventually(
          "the record has as many packets as the broker sent",
          Effect.map(
            Effect.promise(() => readRecord(nc, 0)),
            (record) => record.packets
          ),
          (count) => count === packets
        )
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-SUB-001 TC-SUB-004 a subscription streams at once, and after its DELETE no tick of it comes",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world({ mode: "synthetic", rate: 20, strikesEachSide: 3 })
        const running = yield* start({ ...config, SEED_USER: "demo" })
        yield* eventually("streaming", ask(running, "/health"), ({ body }) => body.ticker.accounts.sim1?.ticks > 0)
        const { body: page } = yield* ask(running, "/subscriptions?limit=1000")
        const known = new Set((page.subscriptions as ReadonlyArray<Listed>).map(({ instrument_token }) => instrument_token))
        assert.isTrue(known.has(256265))

        // RELIANCE is not in the seed, so new actors start for it.
        const relianceSpot = 738561
        const created = yield* ask(running, "/subscriptions", {
          method: "POST",
          body: { instrument_token: relianceSpot, requested_mode: "FULL" }
        })
        assert.deepStrictEqual([created.status, created.body], [200, { message: "Subscription created", instrument_token: relianceSpot }])
        const stored = yield* ask(running, `/subscriptions/${relianceSpot}`)
        assert.include(["sim1", "sim2"], stored.body.account_id, JSON.stringify(stored))
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [relianceSpot, 256265] })
        const ofReliance = () => client.received.filter(({ type, data }) => type === "tick" && data.instrument_token === relianceSpot)
        yield* eventually(
          "its ticks",
          Effect.sync(() => ofReliance().length),
          (count) => count > 3
        )
        const nc = yield* natsClient(nats)
        yield* eventually(
          "its und.state",
          Effect.promise(async () => {
            const jsm = await nc.jetstreamManager()
            return await jsm.streams.getMessage("OPT_LAST", { last_by_subj: "und.state.NSE.RELIANCE" }).then(
              (message) => message.json<{ spot: number | null }>().spot,
              () => null
            )
          }),
          (spot) => (spot ?? 0) > 0
        )

        const gone = yield* ask(running, `/subscriptions/${relianceSpot}`, { method: "DELETE" })
        assert.strictEqual(gone.status, 200)
        yield* eventually("unsubscribed at the broker", ask(running, "/health"), ({ status, body }) => {
          const held = (body.ticker.accounts.sim1?.subscribed ?? 0) + (body.ticker.accounts.sim2?.subscribed ?? 0)
          return status === 200 && held === known.size && body.ticker.active_subscriptions === known.size
        })
        // Packets that the broker had sent before are still published.
        const later = yield* eventually(
          "200 messages in a row without a tick of it",
          Effect.flatMap(lastSeq(nc), (seq) => packetsAfter(nc, seq - 200, seq)),
          (packets) => packets.every(({ token }) => token !== relianceSpot)
        )
        assert.isAbove(later.length, 50)
        const from = yield* lastSeq(nc)
        yield* eventually("200 more messages", lastSeq(nc), (seq) => seq > from + 200)
        const last = yield* packetsAfter(nc, from, from + 200)
        assert.isEmpty(last.filter(({ token }) => token === relianceSpot))
        const kept = yield* ask(running, `/subscriptions/${relianceSpot}`)
        assert.strictEqual(kept.body.status, "inactive")
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-SUB-020 TC-SUB-021 an inactive subscription that is active again streams again, and nothing of its account, mode or ticks is lost",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world({ mode: "synthetic", rate: 20, strikesEachSide: 3 })
        const running = yield* start({ ...config, SEED_USER: "demo" })
        yield* eventually("streaming", ask(running, "/health"), ({ body }) => body.ticker.accounts.sim1?.ticks > 0)
        const reliance = 738561
        const path = `/subscriptions/${reliance}`
        const patch = (status: "active" | "inactive") => ask(running, path, { method: "PATCH", body: { status } })
        const created = yield* ask(running, "/subscriptions", {
          method: "POST",
          body: { instrument_token: reliance, requested_mode: "FULL" }
        })
        assert.strictEqual(created.status, 200)
        const { body: before } = yield* ask(running, path)
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [reliance] })
        const seqs = () =>
          client.received.flatMap((one) => (one.type === "tick" && one.data.instrument_token === reliance ? [Number(one.seq)] : []))
        const tickedAfter = (seq: number) => Effect.map(Effect.sync(seqs), (all) => all.filter((one) => one > seq).length)
        yield* eventually("its ticks", tickedAfter(0), (count) => count > 3)
        const held = Effect.map(ask(running, "/health"), ({ body }) =>
          ["sim1", "sim2"].reduce((sum, id) => sum + (body.ticker.accounts[id]?.subscribed ?? 0), 0)
        )
        const { body: active } = yield* ask(running, "/subscriptions?status=active&limit=1")
        const all: number = active.total
        yield* eventually("all of them streamed", held, (count) => count === all)

        const nc = yield* natsClient(nats)
        for (const _ of ["once", "and again"]) {
          assert.strictEqual((yield* patch("inactive")).status, 200)
          yield* eventually("unsubscribed at the broker", held, (count) => count === all - 1)
          const quietFrom = yield* lastSeq(nc)
          assert.strictEqual((yield* patch("active")).status, 200)
          yield* eventually("its ticks again, on the same connection", tickedAfter(quietFrom), (count) => count > 3)
        }
        // There and back before anybody has looked.
        assert.strictEqual((yield* patch("inactive")).status, 200)
        assert.strictEqual((yield* patch("active")).status, 200)
        yield* eventually("all of them streamed", held, (count) => count === all)
        yield* eventually("its ticks still", tickedAfter(yield* lastSeq(nc)), (count) => count > 3)

        const { body: after } = yield* ask(running, path)
        const kept = ({ account_id, requested_mode, created_at, status }: Readonly<Record<string, unknown>>) => ({
          account_id,
          requested_mode,
          created_at,
          status
        })
        assert.deepStrictEqual(kept(after), kept(before))
        // What the record has of it since the client listens, the client has, tick for tick.
        const got = seqs()
        const [first = 0, last = 0] = [got[0], got.at(-1)]
        const stored = (yield* packetsAfter(nc, first - 1, last)).filter(({ token }) => token === reliance).map(({ seq }) => seq)
        assert.deepStrictEqual(
          got.filter((seq) => seq < last),
          stored.filter((seq) => seq < last)
        )
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "BE-OPS-01 a request's id goes from REST through NATS to the actor's log",
    () =>
      Effect.gen(function* () {
        const { config, simulator } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 3 })
        const running = yield* start(config)
        const logged = (message: string, name: string, value: string) =>
          Effect.sync(() => running.logs.filter((line) => line.message === message && line.annotations[name] === value))
        const subscribe = (token: number | undefined, headers: Readonly<Record<string, string>>) =>
          ask(running, "/subscriptions", { method: "POST", body: { instrument_token: token, requested_mode: "FULL" }, headers })
        yield* subscribe(256265, {})
        // An actor that starts reads its definition without a line. One that runs logs whose request changed it.
        yield* eventually("the actor runs", logged("actor runs here", "key", "NSE.NIFTY"), (lines) => lines.length > 1)
        const option = simulator.market.instruments.find(({ instrumentType, name }) => instrumentType === "CE" && name === "NIFTY")
        yield* subscribe(option?.token, { "x-request-id": "trace-from-rest-1" })
        yield* eventually("the actor's line", logged("definition taken", "request_id", "trace-from-rest-1"), (lines) => lines.length > 0)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "BE-FIN-09 many concurrent changes to one strategy all reach its value",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 6 })
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const { body: page } = yield* ask(running, "/subscriptions?limit=1000")
        const options = (page.subscriptions as ReadonlyArray<Listed>).filter(({ segment }) => segment === "NFO-OPT").slice(0, 12)
        const { body: strategy } = yield* ask(running, "/strategies", { method: "POST", body: { name: "many" } })
        yield* Effect.forEach(
          options,
          ({ tradingsymbol }, at) =>
            ask(running, `/strategies/${strategy.strategy_id}/instruments`, {
              method: "POST",
              body: { tradingsymbol, exchange: "NFO", direction: at % 2 === 0 ? "BUY" : "SELL", quantity: 10 + at, entry_price: "100.05" }
            }),
          { concurrency: 12, discard: true }
        )
        const paid = options.reduce((sum, _, at) => sum + (at % 2 === 0 ? -1 : 1) * (10 + at) * 10_005, 0)
        // m2m = sum(ltp x qty x dir); unrealised = sum((ltp - entry) x qty x sign) with the opposite sign: their sum is the entry premium.
        const whole = yield* eventually("the value of all twelve", ask(running, `/strategies/${strategy.strategy_id}`), ({ body }) => {
          const { complete = false, m2m, unrealised_pnl } = body.latest ?? {}
          return complete && Math.round((Number(m2m) + Number(unrealised_pnl)) * 100) === paid
        })
        assert.strictEqual(whole.body.instruments.length, 12)
      }).pipe(Effect.scoped),
    300_000
  )
})
