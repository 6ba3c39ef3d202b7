import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as SocketMessages from "../../../src/contract/sockets/SocketMessages.ts"
import type { IndicatorValue } from "../../../src/domain/indicators/IndicatorMessage.ts"
import { IndicatorSubscriptionRepo } from "../../../src/store/indicators/IndicatorSubscriptionRepo.ts"
import * as Asks from "../../../src/streams/Asks.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { ask, eventually, ready, token, tokens, World, world } from "../GatewayWorld.ts"
import { connect } from "../sockets/SocketClient.ts"

const rsi = "rsi(period=14)"
const ema = "ema(period=20)"
const five = { symbol: "NIFTY", timeframe: "5m" }

/** Publishes a value like the actor of NIFTY's 5 minute bars. */
const publish = (indicator: string, value: number, headers: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const { engine } = yield* World
    const names = { exchange: "NSE", symbol: "NIFTY 50", timeframe: "5m", indicator }
    const message: IndicatorValue = {
      v: 1,
      as_of: "2026-11-24T09:31:00.000Z",
      seq: 7,
      ...names,
      instrument_token: tokens.nifty,
      date: "2026-11-24T09:30:00.000Z",
      closed: false,
      values: { [indicator.slice(0, 3)]: value }
    }
    return (yield* engine.publish(Subjects.Indicator.at(names), Subjects.Indicator.encode(message), { headers })).seq
  })
/** Without an engine a subscription would wait for the broker's history. */
const prepared = Effect.gen(function* () {
  const { engine } = yield* World
  yield* Asks.serve(Asks.fetchHistory, () => Effect.fail(new Error("no broker")), 1).pipe(
    Effect.provideService(JetStream, engine),
    Effect.forkScoped
  )
  yield* Effect.promise(() => engine.nc.flush())
  yield* ready
})
const stream = (path: string, as: string) =>
  Effect.tap(
    Effect.flatMap(token({ sub: as }), (jwt) => connect(`${path}?token=${jwt}`)),
    (client) => client.next
  )
const wanted = Effect.flatMap(IndicatorSubscriptionRepo, (repo) => Effect.orDie(repo.wanted))
const setOf = (as: string) =>
  Effect.map(ask("/indicators/subscriptions", { as }), ({ body }) =>
    body.subscriptions.map(({ timeframe, indicator }: Record<string, string>) => `${timeframe} ${indicator}`)
  )
const isMessage = Schema.is(SocketMessages.IndicatorMessage)

layer(world(), { excludeTestServices: true })("Sets of indicators", (it) => {
  it.scoped("an indicator of several users is wanted once, and is released when the last of them unsubscribes", () =>
    Effect.gen(function* () {
      yield* prepared
      const post = (path: string, as: string, indicators: ReadonlyArray<string>) =>
        ask(`/indicators/${path}`, { method: "POST", as, body: { ...five, indicators } })
      const first = yield* post("subscribe", "one", ["rsi", "ema", "rsi(period=14)"])
      assert.deepStrictEqual([first.status, first.body], [200, { subscribed: [rsi, ema], total: 2 }])
      assert.deepStrictEqual((yield* post("subscribe", "two", ["rsi"])).body, { subscribed: [rsi], total: 1 })
      assert.deepStrictEqual(yield* wanted, [
        { exchange: "NSE", tradingsymbol: "NIFTY 50", minutes: 5, indicators: [ema, rsi], holders: 2 }
      ])
      assert.deepStrictEqual(yield* setOf("one"), [`5m ${ema}`, `5m ${rsi}`])
      assert.deepStrictEqual(yield* setOf("two"), [`5m ${rsi}`])
      assert.deepStrictEqual((yield* post("unsubscribe", "one", ["rsi", "ema"])).body, { unsubscribed: [rsi, ema], total: 0 })
      assert.deepStrictEqual(
        (yield* wanted).map(({ indicators, holders }) => [indicators, holders]),
        [[[rsi], 1]]
      )
      yield* post("unsubscribe", "two", ["rsi"])
      assert.deepStrictEqual(yield* wanted, [])
    })
  )

  it.scoped("BE-API-03 a set has at most 200 indicators, and an unknown symbol is 404", () =>
    Effect.gen(function* () {
      yield* prepared
      const body = (from: number) => ({ ...five, indicators: Array.from({ length: 20 }, (_, n) => `sma(period=${from + n})`) })
      for (let n = 0; n < 10; n++) {
        const { status } = yield* ask("/indicators/subscribe", { method: "POST", as: "many", body: body(1 + n * 20) })
        assert.strictEqual(status, 200)
      }
      const full = yield* ask("/indicators/subscribe", { method: "POST", as: "many", body: body(191) })
      assert.deepStrictEqual([full.status, full.body.errors[0].field], [422, "indicators"])
      assert.strictEqual((yield* ask("/indicators/subscriptions?limit=1", { as: "many" })).body.total, 200)
      const unknown = yield* ask("/indicators/subscribe", { method: "POST", body: { ...five, symbol: "NOPE", indicators: ["rsi"] } })
      assert.deepStrictEqual([unknown.status, unknown.body.detail], [404, "Symbol not found"])
      const repo = yield* IndicatorSubscriptionRepo
      yield* Effect.orDie(repo.release(["user:many"]))
    })
  )
})

layer(world(), { excludeTestServices: true })("/indicators/stream", (it) => {
  it.scoped("BE-SVC-07 sends the newest value at once, then each change, with its position in the stream", () =>
    Effect.gen(function* () {
      yield* prepared
      const { engine } = yield* World
      const before = yield* publish(rsi, 55.5)
      const client = yield* stream("/indicators/stream", "reader")
      const subscribed = yield* client.ask({ action: "subscribe", ...five, indicators: ["rsi", "ema"] })
      assert.deepStrictEqual(subscribed, { type: "subscribed", ...five, indicators: [rsi, ema], total: 2 })
      const { createdMs } = yield* engine.info("IND")
      const first = yield* client.next
      assert.deepStrictEqual(first, {
        type: "indicator",
        v: 1,
        as_of: "2026-11-24T09:31:00.000Z",
        seq: before,
        exchange: "NSE",
        symbol: "NIFTY 50",
        timeframe: "5m",
        indicator: rsi,
        instrument_token: tokens.nifty,
        date: "2026-11-24T09:30:00.000Z",
        closed: false,
        values: { rsi: 55.5 },
        epoch: createdMs
      })
      const seq = yield* publish(ema, 24_500)
      assert.deepInclude(yield* client.next, { type: "indicator", indicator: ema, seq })
      assert.isTrue(client.received.slice(1).every((message) => isMessage(message)))
      assert.deepStrictEqual(yield* setOf("reader"), [`5m ${ema}`, `5m ${rsi}`])

      const again = yield* stream("/indicators/stream", "reader")
      yield* again.ask({ action: "subscribe", ...five, indicators: ["rsi", "ema"], since: { epoch: createdMs, seq: before } })
      assert.deepInclude(yield* again.next, { type: "indicator", indicator: ema, seq })
      const left = yield* client.ask({ action: "unsubscribe", ...five, indicators: ["ema"] })
      assert.deepStrictEqual(left, { type: "unsubscribed", ...five, indicators: [ema], total: 1 })
      yield* publish(ema, 1)
      const next = yield* publish(rsi, 60)
      assert.deepInclude(yield* client.next, { type: "indicator", indicator: rsi, seq: next })
    })
  )

  it.scoped("BE-ISO-02 a value of a replaced process and one of another subject reach no client", () =>
    Effect.gen(function* () {
      yield* prepared
      const { engine } = yield* World
      const client = yield* stream("/indicators/stream/session", "fenced")
      yield* client.ask({ action: "subscribe", ...five, indicators: ["cci"] })
      const cci = "cci(period=20)"
      yield* publish(cci, 1, { "Tarang-Input": "9 100 0 7" })
      yield* publish(cci, 666, { "Tarang-Input": "9 101 0 3" })
      const other = Subjects.Indicator.at({ exchange: "NSE", symbol: "INFY", timeframe: "5m", indicator: cci })
      const seq = yield* publish(cci, 2, { "Tarang-Input": "9 102 0 7" })
      const stored = yield* Effect.orDie(engine.at("IND", seq))
      assert(stored._tag === "Some")
      yield* engine.publish(other, stored.value.data)
      yield* publish(cci, 3, { "Tarang-Input": "9 103 0 7" })
      const seen: Array<number> = []
      while (seen.at(-1) !== 3) seen.push((yield* client.next).values.cci)
      assert.notInclude(seen, 666)
      assert.deepStrictEqual(
        seen,
        seen.toSorted((a, b) => a - b)
      )
    })
  )

  it.scoped("BE-API-06 a session's set is invisible to other clients, and ends with its connection", () =>
    Effect.gen(function* () {
      yield* prepared
      const mine = yield* stream("/indicators/stream/session", "shared-user")
      const other = yield* stream("/indicators/stream/session", "shared-user")
      assert.deepInclude(yield* mine.ask({ action: "subscribe", ...five, indicators: ["mfi"] }), { total: 1 })
      assert.deepInclude(yield* other.ask({ action: "subscribe", ...five, indicators: ["obv"] }), { total: 1 })
      assert.deepStrictEqual(yield* setOf("shared-user"), [])
      const seq = yield* publish("mfi(period=14)", 50)
      assert.deepInclude(yield* mine.next, { type: "indicator", indicator: "mfi(period=14)", seq })
      const second = yield* publish("obv()", 100)
      assert.deepInclude(yield* other.next, { type: "indicator", indicator: "obv()", seq: second })
      const isWanted = (indicator: string) => Effect.map(wanted, (all) => all.some(({ indicators }) => indicators.includes(indicator)))
      assert.isTrue(yield* isWanted("mfi(period=14)"))
      mine.socket.close()
      yield* eventually(
        "the closed connection's set is released",
        Effect.map(isWanted("mfi(period=14)"), (is) => !is)
      )
      assert.isTrue(yield* isWanted("obv()"))
    })
  )

  it.scoped("a message that is wrong gets an error, and the connection stays", () =>
    Effect.gen(function* () {
      yield* prepared
      const client = yield* stream("/indicators/stream", "wrong")
      const refused = (message: object) => client.ask({ action: "subscribe", ...message })
      assert.deepInclude(yield* refused({ ...five, symbol: "NOPE", indicators: ["rsi"] }), {
        type: "error",
        code: "not_found",
        message: "Symbol not found"
      })
      for (const message of [
        { ...five, indicators: ["nope"] },
        { ...five, indicators: [] },
        { ...five, timeframe: "7m", indicators: ["rsi"] },
        five
      ]) {
        assert.deepInclude(yield* refused(message), { type: "error", code: "validation_error" })
      }
      assert.deepInclude(yield* client.ask({ action: "ping" }), { type: "pong" })
    })
  )
})
