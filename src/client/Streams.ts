import { Either, type ParseResult, Schema } from "effect"
import * as SocketMessages from "../contract/sockets/SocketMessages.ts"
import * as Inbox from "./Inbox.ts"
import * as Recovery from "./Recovery.ts"
import * as Socket from "./Socket.ts"
import * as Wishes from "./Wishes.ts"

/** Events that wait for a reader that iterates; beyond it the connection is paused until they are read, and what was missed is then asked for. */
export const bufferMax = 10_000

/** A message that the contract of this client does not have: the gateway is another version, or it is a bug. */
export interface Unreadable {
  readonly type: "unreadable"
  readonly message: unknown
  readonly cause: unknown
}
/** So many frames were left out before the next one, because this client took too long. */
export interface Conflated {
  readonly type: "conflated"
  readonly count: number
}

/** Everything that the gateway says but the answers to pings, and what becomes of the connection. */
export type Event<Message extends { readonly type: string }> =
  | Exclude<Message, { readonly type: "pong" }>
  | Socket.StateChange
  | Conflated
  | Unreadable

export type TickEvent = Event<SocketMessages.TicksMessage>
export type ChainEvent = Event<SocketMessages.ChainMessage>
export type StrategyEvent = Event<SocketMessages.StrategyMessage>

/** A chain by its underlying and expiry, "NIFTY" and "2026-11-24". */
export interface Chain {
  readonly symbol: string
  readonly expiry: string
}

/**
 * One connection to one path. It stays subscribed, across reconnects, to what was asked for until it is closed; what the gateway refuses is told
 * as `error`, and asked for again where that may pass.
 */
export interface Stream<Item, E> extends AsyncIterable<E, undefined, undefined> {
  readonly subscribe: (items: ReadonlyArray<Item>) => void
  readonly unsubscribe: (items: ReadonlyArray<Item>) => void
  /** Connects at once where it waits for its next attempt: the network has come back, the page is looked at again. */
  readonly wake: () => void
  readonly close: () => void
}

export interface StreamOptions<Item, E> {
  readonly items?: ReadonlyArray<Item>
  /** Called with each event, within the socket's own; without it the events are read by iterating, once. */
  readonly onEvent?: (event: E) => void
  /**
   * `each`: every message is held against the contract. `first`: ticks and chains only until one of their kind on this connection was of its
   * form, the rest are taken as they come (a chain of 400 strikes costs 1 ms to read and 2.5 more to check). `each` unless told otherwise.
   */
  readonly check?: "each" | "first"
}
export type Server = Pick<Socket.Options, "token" | "WebSocket"> & {
  /** http://host:port */
  readonly url: string
}

/** What differs between the paths. */
interface Protocol<Item, Message> {
  readonly path: string
  readonly schema: Schema.Schema<Message, unknown>
  /** The frequent kind of message, whose form in JSON is its form here too. */
  readonly plain?: string
  readonly keyOf: (item: Item) => string | number
  /** The messages that ask for items; `isAgain` after a reconnect, when what was missed is wanted. */
  readonly subscribe: (items: ReadonlyArray<Item>, isAgain: boolean) => ReadonlyArray<object>
  readonly unsubscribe: (items: ReadonlyArray<Item>) => ReadonlyArray<object>
  /** The items that an answer to `subscribe`, or a refusal, names. */
  readonly named: (message: Message) => ReadonlyArray<string | number>
  /** A pong that may say how far the stream has come; told while everything that was asked for is granted. */
  readonly reached?: (message: Message) => void
  /** Remembers how far it came; false for what was told before. */
  readonly accept: (message: Message) => boolean
}

const withSince = (message: object, since: SocketMessages.Since | undefined): object =>
  since === undefined ? message : { ...message, since }

const ticks = (): Protocol<number, SocketMessages.TicksMessage> => {
  const places = Recovery.ordered()
  const moveTo = (message: SocketMessages.TicksMessage): void => {
    const { epoch, seq } = "epoch" in message && "seq" in message ? message : {}
    if (epoch !== undefined && seq !== undefined) places.accept({ epoch, seq })
  }
  return {
    path: "/ws/ticks",
    schema: SocketMessages.TicksMessage as Schema.Schema<SocketMessages.TicksMessage, unknown>,
    plain: "tick",
    keyOf: (token) => token,
    subscribe: (tokens, isAgain) => [withSince({ action: "subscribe", tokens }, isAgain ? places.since() : undefined)],
    unsubscribe: (tokens) => [{ action: "unsubscribe", tokens }],
    named: (message) => ("tokens" in message ? (message.tokens ?? []) : []),
    reached: moveTo,
    accept: (message) => {
      if (message.type === "tick") return places.accept(message)
      if (message.type === "gap") places.reset({ epoch: message.epoch, seq: message.to })
      // Answers overtake ticks, so this is no place of a client that has one.
      if (message.type === "subscribed" && places.since() === undefined) moveTo(message)
      return true
    }
  }
}

const chains = (): Protocol<Chain, SocketMessages.ChainMessage> => {
  const places = Recovery.keyed<string>()
  // The gateway reads a symbol in upper case and answers it so.
  const keyOf = ({ symbol, expiry }: Chain) => `${expiry} ${symbol.trim().toUpperCase()}`
  return {
    path: "/fo/stream",
    schema: SocketMessages.ChainMessage as Schema.Schema<SocketMessages.ChainMessage, unknown>,
    plain: "update",
    keyOf,
    subscribe: (items, isAgain) =>
      items.map(({ symbol, expiry }) =>
        withSince({ action: "subscribe", symbol, expiry }, isAgain ? places.since(keyOf({ symbol, expiry })) : undefined)
      ),
    unsubscribe: (items) => {
      for (const item of items) places.forget(keyOf(item))
      return items.map(({ symbol, expiry }) => ({ action: "unsubscribe", symbol, expiry }))
    },
    named: (message) => {
      const { symbol, expiry } = "symbol" in message ? message : {}
      return symbol === undefined || expiry === undefined ? [] : [keyOf({ symbol, expiry })]
    },
    accept: (message) => {
      // The whole chain follows a gap, and nothing before it counts.
      if (message.type === "gap") places.forget(keyOf(message))
      if (message.type !== "update") return true
      if (message.kind === "delta") return places.acceptChange(keyOf(message), message)
      places.reset(keyOf(message), message)
      return true
    }
  }
}

const strategies = (): Protocol<number, SocketMessages.StrategyMessage> => {
  const places = Recovery.keyed<number>()
  return {
    path: "/strategies/stream",
    schema: SocketMessages.StrategyMessage as Schema.Schema<SocketMessages.StrategyMessage, unknown>,
    keyOf: (id) => id,
    // Whoever subscribes is told the newest mark: there is nothing to make up for.
    subscribe: (strategy_ids) => [{ action: "subscribe", strategy_ids }],
    unsubscribe: (strategy_ids) => {
      for (const id of strategy_ids) places.forget(id)
      return [{ action: "unsubscribe", strategy_ids }]
    },
    named: (message) => ("strategy_ids" in message ? (message.strategy_ids ?? []) : []),
    accept: (message) => message.type !== "m2m" || places.acceptNew(message.strategy_id, message)
  }
}

const isObject = (value: unknown): value is { readonly type?: unknown } => typeof value === "object" && value !== null
const decodeBatch = Schema.decodeUnknownEither(SocketMessages.Batch)
const parse = (text: string): Either.Either<unknown, unknown> => Either.try(() => JSON.parse(text))

/** Reads messages by the protocol's schema; `begin` at each connection, whose first plain message is always checked. */
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
    if (message.type === "subscribed") wishes.granted(protocol.named(message))
    if (message.type === "error") wishes.refused(protocol.named(message), message.code === "unavailable")
    // What is still asked for will come from behind the place as it was.
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
      // What is left is told again after the pause: the place stands before it.
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
      if (options.onEvent !== undefined) throw new TypeError("its events go to onEvent: iterate a stream made without it")
      return inbox.iterator
    }
  }
}

export const ofTicks = (server: Server, options: StreamOptions<number, TickEvent> = {}): Stream<number, TickEvent> =>
  follow(ticks(), server, options)
export const ofChains = (server: Server, options: StreamOptions<Chain, ChainEvent> = {}): Stream<Chain, ChainEvent> =>
  follow(chains(), server, options)
export const ofStrategies = (server: Server, options: StreamOptions<number, StrategyEvent> = {}): Stream<number, StrategyEvent> =>
  follow(strategies(), server, options)
