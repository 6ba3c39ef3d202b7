import { Either, type ParseResult, Schema } from "effect"
import * as SocketMessages from "../contract/sockets/SocketMessages.ts"
import * as Inbox from "./Inbox.ts"
import type { Chain, Indicated, Monitored, Playback, Protocol } from "./Protocols.ts"
import * as Protocols from "./Protocols.ts"
import * as Socket from "./Socket.ts"
import * as Wishes from "./Wishes.ts"

/**
 * Events that may wait for a reader that iterates. Beyond that the connection pauses until they are read, and then requests the missed
 * events.
 */
export const bufferMax = 10_000

/** A message that the contract does not define: the gateway has another version, or there is a bug. */
export interface Unreadable {
  readonly type: "unreadable"
  readonly message: unknown
  readonly cause: unknown
}
/** Number of frames that were skipped before the next one, because this client was too slow. */
export interface Conflated {
  readonly type: "conflated"
  readonly count: number
}

/** All messages of the gateway except answers to pings, and the state changes of the connection. */
export type Event<Message extends { readonly type: string }> =
  | Exclude<Message, { readonly type: "pong" }>
  | Socket.StateChange
  | Conflated
  | Unreadable

export type TickEvent = Event<SocketMessages.TicksMessage>
export type ChainEvent = Event<SocketMessages.ChainMessage>
export type StrategyEvent = Event<SocketMessages.StrategyMessage>
export type MonitorEvent = Event<SocketMessages.MonitorMessage>
export type OrderEvent = Event<SocketMessages.OrderStreamMessage>
export type AlertEvent = Event<SocketMessages.AlertStreamMessage>
export type LabelEvent = Event<SocketMessages.LabelStreamMessage>
export type IndicatorEvent = Event<SocketMessages.IndicatorMessage>
export type ReplayEvent = Event<SocketMessages.ReplayMessage>

/**
 * One connection to one path. It stays subscribed to the requested items across reconnects until it is closed. A refused subscription
 * is delivered as `error`, and retried if a retry may succeed.
 */
export interface Stream<Item, E> extends AsyncIterable<E, undefined, undefined> {
  readonly subscribe: (items: ReadonlyArray<Item>) => void
  readonly unsubscribe: (items: ReadonlyArray<Item>) => void
  /** Reconnects at once if it is waiting for its next attempt, for example when the network or the page is back. */
  readonly wake: () => void
  readonly close: () => void
}

export interface StreamOptions<Item, E> {
  readonly items?: ReadonlyArray<Item>
  /** Called synchronously with each event. Without it, iterate the stream to read the events; only one iteration is possible. */
  readonly onEvent?: (event: E) => void
  /**
   * `each`: every message is checked against the contract. `first`: ticks and chains are checked until the first valid one on this
   * connection, then trusted. (A chain of 400 strikes costs 1 ms to parse and 2.5 ms to check.) The default is `each`.
   */
  readonly check?: "each" | "first"
}
export type Server = Pick<Socket.Options, "token" | "WebSocket"> & {
  /** http://host:port */
  readonly url: string
}

const isObject = (value: unknown): value is { readonly type?: unknown } => typeof value === "object" && value !== null
const decodeBatch = Schema.decodeUnknownEither(SocketMessages.Batch)
const parse = (text: string): Either.Either<unknown, unknown> => Either.try(() => JSON.parse(text))

/** Decodes messages by the protocol's schema. `begin` is called for each connection, whose first plain message is always checked. */
const reader = <Item, Message>(protocol: Protocol<Item, Message>, check: "each" | "first") => {
  const checked: (message: unknown) => Either.Either<Message, ParseResult.ParseError> = Schema.decodeUnknownEither(protocol.schema)
  let isTrusted = false
  return {
    begin: (): void => {
      isTrusted = false
    },
    read: (message: unknown): Either.Either<Message, ParseResult.ParseError> => {
      const isPlain = isObject(message) && message.type === protocol.plain
      if (isPlain && isTrusted) return Either.right(message as Message)
      const decoded = checked(message)
      if (isPlain && check === "first") isTrusted = Either.isRight(decoded)
      return decoded
    }
  }
}

const follow = <Item, Message extends { readonly type: string; readonly code?: SocketMessages.RefusalCode }>(
  protocol: Protocol<Item, Message>,
  { url, ...server }: Server,
  options: StreamOptions<Item, Event<Message>>
): Stream<Item, Event<Message>> => {
  const inbox = Inbox.make<Event<Message>>({ max: bufferMax, onDrained: () => socket.resume(), onLeft: () => socket.close() })
  const tell = options.onEvent ?? inbox.put
  const isFull = options.onEvent === undefined ? inbox.isFull : () => false
  const messages = reader(protocol, options.check ?? "each")
  const sendAll = (asked: ReadonlyArray<object>): void => {
    for (const message of asked) socket.send(message)
  }

  const take = (item: unknown): void => {
    const read = messages.read(item)
    if (Either.isLeft(read)) {
      tell({ type: "unreadable", message: item, cause: read.left })
      return
    }
    const message = read.right
    if (message.type === "subscribed" || message.type === "playing") wishes.granted(protocol.named(message))
    if (message.type === "error") wishes.refused(protocol.named(message), message.code === "unavailable")
    // Events of open subscriptions will start from the old position.
    if (message.type !== "pong") {
      if (protocol.accept(message)) tell(message as Exclude<Message, { type: "pong" }>)
    } else if (wishes.areGranted()) protocol.reached?.(message)
  }
  const receive = (text: string): void => {
    const parsed = parse(text)
    if (Either.isLeft(parsed)) {
      tell({ type: "unreadable", message: text, cause: parsed.left })
      return
    }
    const batch = decodeBatch(parsed.right)
    const { items, conflated = 0 } = Either.isRight(batch) ? batch.right : { items: [parsed.right] }
    if (conflated > 0) tell({ type: "conflated", count: conflated })
    for (const item of items) {
      // The skipped events are requested again after the pause, because the position is before them.
      if (isFull()) {
        socket.pause()
        return
      }
      take(item)
    }
  }

  const socket: Socket.Socket = Socket.make({
    ...server,
    url: `${url.replace(/^http/, "ws").replace(/\/$/, "")}${protocol.path}?batch=1`,
    onOpen: () => {
      messages.begin()
      wishes.begin()
    },
    onText: receive,
    onState: (change) => {
      tell(change)
      if (change.state !== "closed") return
      wishes.end()
      inbox.end()
    }
  })
  const wishes = Wishes.make<Item>({
    keyOf: protocol.keyOf,
    isOpen: socket.isOpen,
    ask: (items, isAgain) => sendAll(protocol.subscribe(items, isAgain))
  })
  wishes.add(options.items ?? [])

  return {
    subscribe: wishes.add,
    unsubscribe: (items) => {
      wishes.remove(items)
      if (items.length > 0) sendAll(protocol.unsubscribe(items))
    },
    wake: socket.wake,
    close: socket.close,
    [Symbol.asyncIterator]: () => {
      if (options.onEvent !== undefined)
        throw new TypeError("this stream delivers its events to onEvent: to iterate, make a stream without onEvent")
      return inbox.iterator
    }
  }
}

export const ofTicks = (server: Server, options: StreamOptions<number, TickEvent> = {}): Stream<number, TickEvent> =>
  follow(Protocols.ticks(), server, options)
export const ofChains = (server: Server, options: StreamOptions<Chain, ChainEvent> = {}): Stream<Chain, ChainEvent> =>
  follow(Protocols.chains(), server, options)
export const ofStrategies = (server: Server, options: StreamOptions<number, StrategyEvent> = {}): Stream<number, StrategyEvent> =>
  follow(Protocols.strategies(), server, options)
export const ofMonitor = (server: Server, options: StreamOptions<Monitored, MonitorEvent> = {}): Stream<Monitored, MonitorEvent> =>
  follow(Protocols.monitor(), server, options)
export const ofOrders = (server: Server, options: StreamOptions<string, OrderEvent> = {}): Stream<string, OrderEvent> =>
  follow(Protocols.orders(), server, options)
export const ofAlerts = (server: Server, options: StreamOptions<"all", AlertEvent> = {}): Stream<"all", AlertEvent> =>
  follow(Protocols.alerts(), server, options)
export const ofLabels = (server: Server, options: StreamOptions<string, LabelEvent> = {}): Stream<string, LabelEvent> =>
  follow(Protocols.labels(), server, options)
export const ofIndicators = (
  server: Server,
  { isSession = false, ...options }: StreamOptions<Indicated, IndicatorEvent> & { readonly isSession?: boolean } = {}
): Stream<Indicated, IndicatorEvent> => follow(Protocols.indicators(isSession), server, options)
export const ofReplay = (server: Server, playback: Playback, options: Omit<StreamOptions<Playback, ReplayEvent>, "items"> = {}) => {
  const {
    subscribe: _subscribe,
    unsubscribe: _unsubscribe,
    ...stream
  } = follow(Protocols.replay(), server, { ...options, items: [playback] })
  return stream
}
