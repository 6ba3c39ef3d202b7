import type { Chain, Indicated, Monitored, Playback } from "./Protocols.ts"
import * as Rest from "./Rest.ts"
import type { WebSocketConstructor } from "./Socket.ts"
import * as Streams from "./Streams.ts"

export { Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthorized, Unavailable } from "../contract/shared/Problem.ts"
export type {
  AlertUpdate,
  ChainUpdate,
  IndicatorUpdate,
  LabelUpdate,
  MarkUpdate,
  Replayed,
  Tick
} from "../contract/sockets/SocketMessages.ts"
export { Decimal } from "../domain/Money.ts"
export type { Chain, Indicated, Monitored, Playback } from "./Protocols.ts"
export { type Effects, type Failure, type Promises, Refused, Unreachable, Unreadable } from "./Rest.ts"
export type { StateChange, WebSocketConstructor, WebSocketLike } from "./Socket.ts"
export {
  type AlertEvent,
  bufferMax,
  type ChainEvent,
  type Conflated,
  type IndicatorEvent,
  type LabelEvent,
  type MonitorEvent,
  type OrderEvent,
  type ReplayEvent,
  type StrategyEvent,
  type Stream,
  type StreamOptions,
  type TickEvent,
  type Unreadable as UnreadableMessage
} from "./Streams.ts"

export interface Options {
  /** Address of the gateway: http://host:port. */
  readonly url: string
  /** A JWT, or a function that returns one. The function is called for every request and every connection. */
  readonly token: string | (() => string | Promise<string>)
  /** Needed for Node before version 22, which has no WebSocket: `WebSocket` of `ws`. */
  readonly WebSocket?: WebSocketConstructor
  /** Called for each REST answer that rejects the token, for example because it expired. */
  readonly onUnauthorized?: () => void
  /** Timeout of a REST call in milliseconds; 30 seconds by default. */
  readonly answerMsMax?: number
}

export interface Client {
  /** Every REST endpoint, by group and name, as promises. */
  readonly rest: Rest.Promises
  /** The same endpoints as effects, with typed errors. */
  readonly effects: Rest.Effects
  /** /ws/ticks: every tick of the instruments, by token. */
  readonly ticks: (options?: Streams.StreamOptions<number, Streams.TickEvent>) => Streams.Stream<number, Streams.TickEvent>
  /** /fo/stream: first the whole chain, then its changes. */
  readonly chains: (options?: Streams.StreamOptions<Chain, Streams.ChainEvent>) => Streams.Stream<Chain, Streams.ChainEvent>
  /** /strategies/stream: marks of the user's own strategies, by id. */
  readonly strategies: (options?: Streams.StreamOptions<number, Streams.StrategyEvent>) => Streams.Stream<number, Streams.StrategyEvent>
  /** /nifty-monitor/stream: underlyings at a glance. */
  readonly monitor: (options?: Streams.StreamOptions<Monitored, Streams.MonitorEvent>) => Streams.Stream<Monitored, Streams.MonitorEvent>
  /** /orders/stream: order tasks, orders, positions and alerts of the user's accounts, by account id. */
  readonly orders: (options?: Streams.StreamOptions<string, Streams.OrderEvent>) => Streams.Stream<string, Streams.OrderEvent>
  /** /alerts/stream: the alerts of the user that fire. Its one item is "all". */
  readonly alerts: (options?: Streams.StreamOptions<"all", Streams.AlertEvent>) => Streams.Stream<"all", Streams.AlertEvent>
  /** /labels/stream: the user's labels on instruments, by symbol, as they change. */
  readonly labels: (options?: Streams.StreamOptions<string, Streams.LabelEvent>) => Streams.Stream<string, Streams.LabelEvent>
  /** /indicators/stream, whose set stays after the connection; with `isSession` /indicators/stream/session, whose set ends with it. */
  readonly indicators: (
    options?: Streams.StreamOptions<Indicated, Streams.IndicatorEvent> & { readonly isSession?: boolean }
  ) => Streams.Stream<Indicated, Streams.IndicatorEvent>
  /** /replay: the stored messages of one subject from an instant on, each once and in order, also over a break of the connection. */
  readonly replay: (
    playback: Playback,
    options?: Omit<Streams.StreamOptions<Playback, Streams.ReplayEvent>, "items">
  ) => ReturnType<typeof Streams.ofReplay>
}

const noWebSocket = "this platform has no WebSocket: pass one as an option, such as the package ws"

/** A client of one gateway. It sends and opens nothing until it is used. */
export const make = ({ url, token, ...options }: Options): Client => {
  const tokenOf = typeof token === "function" ? token : () => token
  const effects = Rest.effects({ ...options, url, token: tokenOf })
  const server = (): Streams.Server => {
    const WebSocket = options.WebSocket ?? (globalThis as { readonly WebSocket?: WebSocketConstructor }).WebSocket
    if (WebSocket === undefined) throw new TypeError(noWebSocket)
    return { url, token: tokenOf, WebSocket }
  }
  return {
    rest: Rest.promises(effects),
    effects,
    ticks: (wish) => Streams.ofTicks(server(), wish),
    chains: (wish) => Streams.ofChains(server(), wish),
    strategies: (wish) => Streams.ofStrategies(server(), wish),
    monitor: (wish) => Streams.ofMonitor(server(), wish),
    orders: (wish) => Streams.ofOrders(server(), wish),
    alerts: (wish) => Streams.ofAlerts(server(), wish),
    labels: (wish) => Streams.ofLabels(server(), wish),
    indicators: (wish) => Streams.ofIndicators(server(), wish),
    replay: (playback, wish) => Streams.ofReplay(server(), playback, wish)
  }
}
