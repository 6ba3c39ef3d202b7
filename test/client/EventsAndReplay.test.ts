import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { WebSocket } from "ws"
import * as LabelRelay from "../../src/actors/labels/LabelRelay.ts"
import * as Client from "../../src/client/Client.ts"
import type { IndicatorValue } from "../../src/domain/indicators/IndicatorMessage.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { eventually, ready, token, tokens, World, world } from "../gateway/GatewayWorld.ts"

const client = (user = "u1") =>
  Effect.gen(function* () {
    const { url } = yield* World
    return Client.make({ url, token: yield* token({ sub: user }), WebSocket })
  })
const there = (what: string, check: () => boolean) => eventually(what, Effect.sync(check))

layer(world(), { excludeTestServices: true })("Client of labels, alerts, indicators and replay", (it) => {
  it.scoped("labels: the user's changes in order, decoded", () =>
    Effect.gen(function* () {
      const { engine } = yield* World
      yield* Effect.forkScoped(yield* Effect.provideService(LabelRelay.make, JetStream, engine))
      yield* ready
      const { labels, rest } = yield* client()
      const events: Array<Client.LabelEvent> = []
      const stream = labels({ items: ["nifty"], onEvent: (event) => events.push(event) })
      yield* Effect.addFinalizer(() => Effect.sync(stream.close))
      yield* there("subscribed", () => events.some(({ type }) => type === "subscribed"))
      const payload = { symbol: "NIFTY", time: new Date("2026-11-24T03:45:00Z"), text: "Opening range" }
      const { label_id } = yield* Effect.promise(() => rest.labels.create({ payload }))
      yield* Effect.promise(() => rest.labels.remove({ path: { id: label_id } }))
      const changes = () => events.flatMap((event) => (event.type === "label" ? [[event.change, event.label.text]] : []))
      yield* there("both changes", () => changes().length === 2)
      assert.deepStrictEqual(changes(), [
        ["created", "Opening range"],
        ["removed", "Opening range"]
      ])
      assert.isFalse(events.some(({ type }) => type === "unreadable"))
    })
  )

  it.scoped("alerts: those of the user that fire, decoded", () =>
    Effect.gen(function* () {
      yield* ready
      const { engine } = yield* World
      const { alerts } = yield* client()
      const events: Array<Client.AlertEvent> = []
      const stream = alerts({ items: ["all"], onEvent: (event) => events.push(event) })
      yield* Effect.addFinalizer(() => Effect.sync(stream.close))
      yield* there("subscribed", () => events.some(({ type }) => type === "subscribed"))
      const on = { source: "strategy", strategy_id: 1, field: "total_pnl" } as const
      const rule = { name: "Loss", on, condition: "below", threshold: new Client.Decimal("-5000.05") } as const
      const fired = { v: 1, event_id: 7, as_of: "2026-11-24T05:00:00.000Z", seq: 3, owner: "u1", alert_id: 9, ...rule } as const
      const body = Subjects.AlertEvent.encode({ ...fired, value: new Client.Decimal("-5100") })
      yield* engine.publish(Subjects.AlertEvent.at({ owner: "u1" }), body)
      yield* there("the event", () => events.some(({ type }) => type === "alert"))
      const [event] = events.flatMap((one) => (one.type === "alert" ? [one] : []))
      assert.deepInclude(event?.data, { event_id: 7, alert_id: 9, name: "Loss" })
      assert.strictEqual(event?.data.value.toString(), "-5100")
      assert.isFalse(events.some(({ type }) => type === "unreadable"))
    })
  )

  it.scoped("indicators: a set of the connection, granted under whatever names it was asked for", () =>
    Effect.gen(function* () {
      yield* ready
      const { engine } = yield* World
      const { indicators } = yield* client()
      const events: Array<Client.IndicatorEvent> = []
      const items = [{ symbol: "infy", timeframe: "5minute", indicators: ["rsi"] }]
      const stream = indicators({ isSession: true, items, onEvent: (event) => events.push(event) })
      yield* Effect.addFinalizer(() => Effect.sync(stream.close))
      yield* there("subscribed", () => events.some(({ type }) => type === "subscribed"))
      const value: IndicatorValue = {
        v: 1,
        as_of: "2026-11-24T05:00:00.000Z",
        seq: 1,
        exchange: "NSE",
        symbol: "INFY",
        timeframe: "5m",
        indicator: "rsi(period=14)",
        instrument_token: tokens.infy,
        date: "2026-11-24T04:55:00.000Z",
        closed: false,
        values: { rsi: 55.5 }
      }
      const subject = Subjects.Indicator.at({ exchange: "NSE", symbol: "INFY", timeframe: "5m", indicator: "rsi(period=14)" })
      yield* engine.publish(subject, Subjects.Indicator.encode(value))
      yield* there("its value", () => events.some((event) => event.type === "indicator" && event.indicator === "rsi(period=14)"))
      assert.deepStrictEqual(
        events.filter(({ type }) => type === "error" || type === "unreadable"),
        []
      )
    })
  )

  it.scoped("replay: the stored messages, each once and in order, and then the new ones", () =>
    Effect.gen(function* () {
      yield* ready
      const { engine } = yield* World
      const subject = Subjects.UnderlyingState.at({ exchange: "NSE", underlying: "NIFTY" })
      const state = (spot: number) =>
        Subjects.UnderlyingState.encode({
          v: 1,
          as_of: "2026-11-24T05:00:00.000Z",
          seq: 1,
          exchange: "NSE",
          underlying: "NIFTY",
          instrument_token: tokens.nifty,
          spot,
          spot_change: null,
          futures: [],
          expiries: []
        })
      yield* engine.publish(subject, state(24_500))
      const { replay } = yield* client()
      const events: Array<Client.ReplayEvent> = []
      const wanted = { stream: "und.state", key: "NSE:NIFTY", from: "2020-01-01", speed: "max" } as const
      const stream = replay(wanted, { onEvent: (event) => events.push(event) })
      yield* Effect.addFinalizer(() => Effect.sync(stream.close))
      yield* there("it is live", () => events.some(({ type }) => type === "live"))
      yield* engine.publish(subject, state(24_501))
      const seqs = () => events.flatMap((event) => (event.type === "message" ? [event.seq] : []))
      yield* there("both messages", () => seqs().length === 2)
      assert.isBelow(seqs()[0] ?? 0, seqs()[1] ?? 0)
      assert.isFalse(events.some(({ type }) => type === "unreadable" || type === "error"))
    })
  )
})
