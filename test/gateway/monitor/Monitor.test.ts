import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as SocketMessages from "../../../src/contract/sockets/SocketMessages.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import * as Asks from "../../../src/streams/Asks.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import {
  ask,
  chainMessage,
  eventually,
  far,
  near,
  publishChain,
  publishState,
  ready,
  token,
  tokens,
  World,
  world
} from "../GatewayWorld.ts"
import { connect } from "../sockets/SocketClient.ts"

const rows = (price: number) => [
  { strike: 24_500, side: "CE" as const, token: tokens.call, price, oi: 100 },
  { strike: 24_500, side: "PE" as const, token: tokens.put, price: 95.3, oi: 150 }
]
const asOf = "2026-11-24T09:30:00.000Z"
const published = Effect.gen(function* () {
  yield* ready
  yield* publishState({
    as_of: asOf,
    spot: 24_510.35,
    spot_time: asOf,
    spot_change: -12.4,
    futures: [{ expiry: far, instrument_token: tokens.future, last_price: 24_530, oi: 10, basis: 19.65 }],
    expiries: [
      { expiry: near, forward: 24_530.1, atm_strike: 24_500, atm_iv: 0.1425 },
      { expiry: far, forward: 25_000, atm_strike: 24_500, atm_iv: 0.15 }
    ]
  })
  yield* publishChain(chainMessage("chain", rows(120.05), { delta_seq: 0 }))
  yield* eventually(
    "the chain is read",
    Effect.map(ask("/nifty-monitor/straddle"), ({ body }) => body.pairs?.[0]?.price === 215.35 && body.as_of === asOf)
  )
  yield* eventually(
    "the state is read",
    Effect.map(ask("/nifty-monitor/snapshot"), ({ body }) => body.spot_time === asOf)
  )
})
const get = (path: string) => Effect.map(ask(`/nifty-monitor/${path}`), ({ body }) => body)

layer(world(), { excludeTestServices: true })("nifty-monitor before anything is published", (it) => {
  it.effect("every view is well-formed; unknown symbols and expiries are 404, wrong values 422, no sign-in 401", () =>
    Effect.gen(function* () {
      yield* ready
      const views = ["snapshot", "greeks", "straddle", "iv", "oi", "movers", "health"]
      for (const view of views) {
        const { status, body } = yield* ask(`/nifty-monitor/${view}`)
        assert.deepStrictEqual([status, body.symbol, body.expiry], [200, "NIFTY", near], view)
        assert.strictEqual((yield* ask(`/nifty-monitor/${view}?symbol=NOSUCH`)).body.detail, "Symbol not found")
        assert.strictEqual((yield* ask(`/nifty-monitor/${view}?expiry=2031-01-01`)).body.detail, "Expiry not found")
        assert.strictEqual((yield* ask(`/nifty-monitor/${view}?expiry=soon`)).body.errors[0].field, "expiry")
        assert.strictEqual((yield* ask(`/nifty-monitor/${view}`, { as: null })).status, 401)
      }
      assert.deepStrictEqual((yield* get("straddle")).pairs, [])
      assert.deepInclude(yield* get("health"), { status: "no_data", spot_age_ms: null, chain_age_ms: null, rows: {} })
      assert.strictEqual((yield* ask("/nifty-monitor/oi?count=0")).body.errors[0].field, "count")
      assert.strictEqual((yield* ask("/nifty-monitor/snapshot?symbol=INFY")).status, 404)
    })
  )
})

layer(world(), { excludeTestServices: true })("nifty-monitor", (it) => {
  it.effect("the snapshot shows price, futures, straddle and totals of the nearest streamed expiry", () =>
    Effect.gen(function* () {
      yield* published
      const body = yield* get("snapshot")
      assert.deepInclude(body, {
        symbol: "NIFTY",
        expiry: near,
        spot: 24_510.35,
        spot_change: -12.4,
        // 100 x -12.4 / (24510.35 + 12.4)
        spot_change_percent: -0.0506,
        forward: 24_530.1,
        atm_strike: 24_500,
        atm_iv: 0.1425,
        max_pain: 24_500,
        pcr_oi: 1.5,
        as_of: asOf
      })
      assert.deepStrictEqual([body.straddle.price, body.straddle.delta, body.straddle.theta], [215.35, 0.04, -19])
      assert.deepStrictEqual(
        body.futures.map(({ basis }: { basis: number }) => basis),
        [19.65]
      )
    })
  )

  it.effect("Greeks, volatility, open interest and movers are those of the chain", () =>
    Effect.gen(function* () {
      yield* published
      const greeks = yield* get("greeks")
      assert.deepStrictEqual([greeks.call.delta, greeks.put.delta, greeks.straddle.vega], [0.52, -0.48, 24.5])
      assert.deepStrictEqual(greeks.open_interest.call, { delta: 52, gamma: 0.08, theta: -950, vega: 1_225, counted: 1 })
      const iv = yield* get("iv")
      assert.deepStrictEqual(
        iv.term.map(({ expiry, atm_iv }: Record<string, unknown>) => [expiry, atm_iv]),
        [
          [near, 0.1425],
          [far, 0.15]
        ]
      )
      const years = (Date.parse(`${near}T15:40:00+05:30`) - Date.parse(asOf)) / (365 * 86_400_000)
      assert.strictEqual(iv.expected_move, Math.round(24_530.1 * 0.1425 * Math.sqrt(years) * 100) / 100)
      const oi = yield* get("oi?count=1")
      assert.deepStrictEqual([oi.calls[0].oi, oi.puts[0].oi, oi.call_oi_change, oi.put_oi_change], [100, 150, 5, 5])
      const movers = yield* get("movers")
      assert.deepStrictEqual([movers.price.rising, movers.oi.rising.length, movers.volume.length], [[], 2, 2])
    })
  )

  it.effect("health compares the times of spot and chain with market time", () =>
    Effect.gen(function* () {
      yield* published
      const old = yield* get("health")
      assert.strictEqual(old.status, "stale")
      assert.match(old.reasons.join(), /the chain is \d+ s old/)
      assert.deepStrictEqual(old.rows, { live: 2 })
    })
  )

  it.scoped("the history joins bars of the underlying with those of the straddle at the strike", () =>
    Effect.gen(function* () {
      yield* published
      const { engine } = yield* World
      yield* Asks.serve(Asks.fetchHistory, () => Effect.fail(new Error("no broker")), 1).pipe(
        Effect.provideService(JetStream, engine),
        Effect.forkScoped
      )
      yield* Effect.promise(() => engine.nc.flush())
      const repo = yield* BarRepo
      const bar = (exchange: string, tradingsymbol: string, instrumentToken: number, close: number): NewBar => ({
        ...{ exchange, tradingsymbol, instrumentToken, open: close, high: close, low: close, close },
        ...{ volume: 0, oi: null, minutes: 1, source: "live", at: new Date("2026-11-24T03:45:00Z"), complete: true }
      })
      yield* repo.save([
        bar("NSE", "NIFTY 50", tokens.nifty, 2_451_000),
        bar("NFO", "NIFTY98JAN24500CE", tokens.call, 12_005),
        bar("NFO", "NIFTY98JAN24500PE", tokens.put, 9_530)
      ])
      const span = "from=2026-11-24T03:45:00Z&to=2026-11-24T03:46:00Z"
      const body = yield* get(`history?interval=1m&${span}`)
      assert.deepInclude(body, { instrument_token: tokens.nifty, strike: 24_500, call: "NIFTY98JAN24500CE", put: "NIFTY98JAN24500PE" })
      assert.deepStrictEqual(body.points[0], {
        date: "2026-11-24T03:45:00.000Z",
        open: 24_510,
        high: 24_510,
        low: 24_510,
        close: 24_510,
        future_close: null,
        basis: null,
        call_close: 120.05,
        put_close: 95.3,
        straddle: 215.35
      })
      assert.isNull(body.warning)
      assert.strictEqual((yield* ask(`/nifty-monitor/history?strike=1&${span}`)).body.detail, "Strike not found")
    })
  )
})

const isMessage = Schema.is(SocketMessages.MonitorMessage)
layer(world(), { excludeTestServices: true })("/nifty-monitor/stream", (it) => {
  it.scoped("sends the newest view at once and after each change; two connections of a user are independent", () =>
    Effect.gen(function* () {
      yield* published
      const jwt = yield* token()
      const open = Effect.tap(connect(`/nifty-monitor/stream?token=${jwt}`), (client) =>
        Effect.map(client.next, ({ type }) => assert.strictEqual(type, "welcome"))
      )
      const [client, other] = [yield* open, yield* open]
      assert.deepStrictEqual(yield* client.ask({ action: "subscribe", symbol: "nifty" }), { type: "subscribed", symbol: "NIFTY", total: 1 })
      const first = yield* client.next
      assert.deepInclude(first, { type: "monitor", symbol: "NIFTY", expiry: near, nearest: true, spot: 24_510.35 })
      assert.strictEqual(first.straddle.price, 215.35)
      yield* other.ask({ action: "subscribe", symbol: "NIFTY", expiry: near })
      assert.deepInclude(yield* other.next, { nearest: false, expiry: near })
      const seq = yield* publishChain(chainMessage("delta", rows(121.05)))
      const next = yield* client.next
      assert.deepInclude(next, { seq, nearest: true })
      assert.strictEqual(next.straddle.price, 216.35)
      assert.strictEqual((yield* other.next).straddle.price, 216.35)
      yield* publishState({ spot: 24_520, expiries: [{ expiry: near, forward: 1, atm_strike: 24_500, atm_iv: 0.2 }] })
      assert.strictEqual((yield* client.next).atm_iv, 0.2)
      assert.strictEqual((yield* other.next).atm_iv, 0.2)
      assert.deepStrictEqual(yield* client.ask({ action: "unsubscribe", symbol: "NIFTY" }), {
        type: "unsubscribed",
        symbol: "NIFTY",
        total: 0
      })
      yield* publishChain(chainMessage("delta", rows(122.05)))
      assert.strictEqual((yield* other.next).straddle.price, 217.35)
      assert.strictEqual((yield* client.settled).at(-1).type, "pong")
      for (const message of [...client.received, ...other.received]) assert.isTrue(isMessage(message), JSON.stringify(message))
      // A client that comes back has the whole state at once.
      client.socket.terminate()
      const again = yield* open
      yield* again.ask({ action: "subscribe", symbol: "NIFTY" })
      assert.strictEqual((yield* again.next).straddle.price, 217.35)
    })
  )
  it.scoped("refuses unknown symbols and expiries, and messages of another form", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* connect(`/nifty-monitor/stream?token=${yield* token()}`)
      yield* client.next
      const refused = (message: object) =>
        Effect.map(client.ask({ action: "subscribe", ...message }), ({ code, message: text }) => [code, text])
      assert.deepStrictEqual(yield* refused({ symbol: "NOSUCH" }), ["not_found", "Symbol not found"])
      assert.deepStrictEqual(yield* refused({ symbol: "INFY" }), ["not_found", "Expiry not found"])
      assert.deepStrictEqual(yield* refused({ symbol: "NIFTY", expiry: "2031-01-01" }), ["not_found", "Expiry not found"])
      assert.strictEqual((yield* refused({}))[0], "validation_error")
    })
  )
})
