/** Each WebSocket of the gateway: what its clients send, and how a test makes the data that they get. */
import { Effect, Schema, type Scope } from "effect"
import * as SocketMessages from "../../../src/contract/sockets/SocketMessages.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Asks from "../../../src/streams/Asks.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { ask, chainMessage, eventually, far, fullPacket, near, publishChain, publishFrame, tokens, World } from "../GatewayWorld.ts"
import type { Received } from "./SocketClient.ts"

export const owner = "u1"

/** How a client that comes back gets what it missed: all of it, the newest of it, or all from an instant on. */
type Recovery = "all" | "newest" | "from an instant"

export interface EverySocket {
  readonly path: string
  /** Type of the first message. */
  readonly first: "welcome" | "connected"
  readonly subscribe: object
  readonly subscribed: string
  readonly unsubscribe: object
  readonly unsubscribed: string
  /** Type of the data messages. */
  readonly data: string
  /** Publishes the datum with this number. */
  readonly publish: (number: number) => Effect.Effect<unknown, unknown, World | Scope.Scope>
  /** The number of a data message. */
  readonly numberOf: (message: Received) => number
  /** The same subscription of a client that comes back after a message. */
  readonly again: (last: Received) => object
  readonly recovery: Recovery
  /** True if the subscriptions are the user's, whichever connection made them. */
  readonly isUsers?: true
  readonly isMessage: (message: unknown) => boolean
}

const asOf = "2026-11-24T09:30:00.000Z"
const since = ({ epoch, row, seq }: Received) => ({ since: { epoch, seq, ...(row === undefined ? {} : { row }) } })
const usual = { first: "welcome", subscribed: "subscribed", unsubscribed: "unsubscribed" } as const
/** A subscription by these fields. */
const by = (fields: object) => ({
  subscribe: { action: "subscribe", ...fields },
  unsubscribe: { action: "unsubscribe", ...fields }
})

const ticks: EverySocket = {
  ...usual,
  path: "/ws/ticks",
  first: "connected",
  ...by({ tokens: [tokens.nifty] }),
  data: "tick",
  publish: (number) => publishFrame([fullPacket(tokens.nifty, number * 100)]),
  numberOf: ({ data }) => data.last_price,
  again: (last) => ({ ...by({ tokens: [tokens.nifty] }).subscribe, ...since(last) }),
  recovery: "all",
  isMessage: Schema.is(Schema.encodedSchema(SocketMessages.TicksMessage))
}

const chainRows = (price: number, putPrice: number) => [
  { strike: 24_500, side: "CE" as const, token: tokens.call, price },
  { strike: 24_500, side: "PE" as const, token: tokens.put, price: putPrice }
]
const chainOf = (expiry: string) => (number: number) =>
  publishChain(chainMessage("delta", chainRows(number, 100), { expiry, spot: number, seq: number }))
const chains: EverySocket = {
  ...usual,
  path: "/fo/stream",
  ...by({ symbol: "NIFTY", expiry: far }),
  data: "update",
  publish: chainOf(far),
  numberOf: ({ spot }) => spot ?? 0,
  again: (last) => ({ ...by({ symbol: "NIFTY", expiry: far }).subscribe, ...since(last) }),
  recovery: "newest",
  isMessage: Schema.is(Schema.encodedSchema(SocketMessages.ChainMessage))
}
const monitor: EverySocket = {
  ...usual,
  path: "/nifty-monitor/stream",
  ...by({ symbol: "NIFTY", expiry: near }),
  data: "monitor",
  publish: chainOf(near),
  numberOf: ({ straddle }) => (straddle?.price ?? 100) - 100,
  again: () => by({ symbol: "NIFTY", expiry: near }).subscribe,
  recovery: "newest",
  isMessage: Schema.is(Schema.encodedSchema(SocketMessages.MonitorMessage))
}

const strategies = Effect.gen(function* () {
  const { body } = yield* ask("/strategies", { method: "POST", as: owner, body: { name: "every socket" } })
  const id: number = body.strategy_id
  const { engine } = yield* World
  const money = Money.ofNumber(1)
  const sums = { unrealised_pnl: money, realised_pnl: money, total_pnl: money, net_delta: 1, net_gamma: 1, net_theta: 1, net_vega: 1 }
  const socket: EverySocket = {
    ...usual,
    path: "/strategies/stream",
    ...by({ strategy_ids: [id] }),
    data: "m2m",
    publish: (number) =>
      engine.publish(
        Subjects.Mark.at({ owner, strategy: String(id) }),
        Subjects.Mark.encode({
          ...{ v: 1, as_of: asOf, seq: number, strategy_id: id, m2m: Money.ofNumber(number), ...sums },
          ...{ complete: true, missing: [] }
        })
      ),
    numberOf: ({ m2m }) => Number(m2m),
    again: () => by({ strategy_ids: [id] }).subscribe,
    recovery: "newest",
    isMessage: Schema.is(Schema.encodedSchema(SocketMessages.StrategyMessage))
  }
  return socket
})

const indicators = (path: string, indicator: string): EverySocket => {
  const names = { exchange: "NSE", symbol: "NIFTY 50", timeframe: "5m", indicator }
  const wanted = { symbol: "NIFTY", timeframe: "5m", indicators: [indicator] }
  const publish = (number: number) =>
    Effect.flatMap(World, ({ engine }) =>
      engine.publish(
        Subjects.Indicator.at(names),
        Subjects.Indicator.encode({
          ...{ v: 1, as_of: asOf, seq: number, ...names, instrument_token: tokens.nifty },
          ...{ date: asOf, closed: false, values: { value: number } }
        })
      )
    )
  return {
    ...usual,
    path,
    ...by(wanted),
    data: "indicator",
    publish,
    numberOf: ({ values }) => values.value,
    again: (last) => ({ ...by(wanted).subscribe, ...since(last) }),
    recovery: "newest",
    isMessage: Schema.is(Schema.encodedSchema(SocketMessages.IndicatorMessage))
  }
}

const labels: EverySocket = {
  ...usual,
  path: "/labels/stream",
  ...by({ symbol: "INFY" }),
  data: "label",
  publish: (number) =>
    Effect.flatMap(World, ({ engine }) => {
      const texts = { text: String(number), label: "L", color: "#ff0000", created_at: asOf, updated_at: asOf }
      const label = { label_id: number, exchange: "NSE", tradingsymbol: "INFY", time: asOf, place: "bar", ...texts } as const
      const event = { v: 1, event_id: number, as_of: asOf, owner, change: "created", label } as const
      return engine.publish(Subjects.LabelEvent.at({ owner, symbol: "INFY" }), Subjects.LabelEvent.encode(event))
    }),
  numberOf: ({ label }) => Number(label.text),
  again: (last) => ({ ...by({ symbol: "INFY" }).subscribe, ...since(last) }),
  recovery: "all",
  isMessage: Schema.is(Schema.encodedSchema(SocketMessages.LabelStreamMessage))
}

const alerts: EverySocket = {
  ...usual,
  path: "/alerts/stream",
  ...by({}),
  data: "alert",
  publish: (number) =>
    Effect.flatMap(World, ({ engine }) => {
      const on = { source: "feed", account_id: "acc1", field: "silent_s" } as const
      const rule = { name: "Silent", on, condition: "above", threshold: Money.zero } as const
      const event = {
        v: 1,
        event_id: number,
        as_of: asOf,
        seq: number,
        owner,
        alert_id: 1,
        ...rule,
        value: Money.ofNumber(number)
      } as const
      return engine.publish(Subjects.AlertEvent.at({ owner }), Subjects.AlertEvent.encode(event))
    }),
  numberOf: ({ data }) => data.event_id,
  again: (last) => ({ ...by({}).subscribe, ...since(last) }),
  recovery: "all",
  isMessage: Schema.is(Schema.encodedSchema(SocketMessages.AlertStreamMessage))
}

const orders: EverySocket = {
  ...usual,
  path: "/orders/stream",
  ...by({ account_ids: ["acc1"] }),
  data: "alert",
  publish: (number) =>
    Effect.flatMap(World, ({ engine }) => {
      const event = { v: 1, event_id: number, as_of: asOf, account_id: "acc1", task_id: null, message: String(number), kind: "linked" }
      return engine.publish(
        Subjects.AccountEvent.at({ account: "acc1" }),
        Subjects.AccountEvent.encode({ ...event, v: 1, kind: "linked", detail: {} })
      )
    }),
  numberOf: ({ data }) => Number(data.message),
  again: (last) => ({ ...by({ account_ids: ["acc1"] }).subscribe, ...since(last) }),
  recovery: "all",
  isMessage: Schema.is(Schema.encodedSchema(SocketMessages.OrderStreamMessage))
}

const replayed = "EVERY"
const play = (from: string) => ({ action: "play", stream: "opt.delta", key: `NSE:${replayed}:${near}`, from, speed: "max" })
const replay: EverySocket = {
  ...usual,
  path: "/replay",
  subscribe: play("2020-01-01"),
  subscribed: "playing",
  unsubscribe: { action: "stop" },
  unsubscribed: "ended",
  data: "message",
  publish: (number) =>
    publishChain(chainMessage("delta", chainRows(number, 100), { underlying: replayed, expiry: near, spot: number, seq: number })),
  numberOf: ({ data }) => data.spot,
  again: ({ time }) => play(time),
  recovery: "from an instant",
  isMessage: Schema.is(Schema.encodedSchema(SocketMessages.ReplayMessage))
}

/** Without an engine a subscription of indicators would wait for the broker's history. */
const noHistory = Effect.gen(function* () {
  const { engine } = yield* World
  yield* Asks.serve(Asks.fetchHistory, () => Effect.fail(new Error("no broker")), 1).pipe(
    Effect.provideService(JetStream, engine),
    Effect.forkScoped
  )
  yield* Effect.promise(() => engine.nc.flush())
})

/** All of them, with a chain of each expiry in the gateway's views. */
export const everySocket = Effect.gen(function* () {
  yield* noHistory
  for (const expiry of [near, far]) yield* publishChain(chainMessage("chain", chainRows(1, 100), { expiry, spot: 0, seq: 0, delta_seq: 0 }))
  for (const expiry of [near, far])
    yield* eventually(
      "the chain is read",
      Effect.map(ask(`/fo/strikes?symbol=NIFTY&expiry=${expiry}`), ({ body }) => body.strikes?.length === 1)
    )
  return [
    ticks,
    chains,
    monitor,
    yield* strategies,
    { ...indicators("/indicators/stream", "rsi(period=14)"), isUsers: true },
    indicators("/indicators/stream/session", "ema(period=20)"),
    labels,
    alerts,
    orders,
    replay
  ] as ReadonlyArray<EverySocket>
})
