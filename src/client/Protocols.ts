import { Either, Schema } from "effect"
import * as SocketMessages from "../contract/sockets/SocketMessages.ts"
import * as Recovery from "./Recovery.ts"

/** A chain, identified by underlying and expiry: "NIFTY" and "2026-11-24". */
export interface Chain {
  readonly symbol: string
  readonly expiry: string
}

/** What /nifty-monitor/stream shows: an underlying with one expiry, or with the nearest one where none is given. */
export interface Monitored {
  readonly symbol: string
  readonly expiry?: string
}

/** Indicators of one instrument and timeframe: "NIFTY", "5m" and ["rsi(period=21)"]. */
export interface Indicated {
  readonly symbol: string
  readonly timeframe: string
  readonly indicators: ReadonlyArray<string>
}

/** A playback of the stored messages of one subject, as GET /replay names it. Without `to` it goes over into live. */
export interface Playback {
  readonly stream: string
  readonly key: string
  readonly from: string
  readonly to?: string
  /** 1 to 1,000 times as fast as the messages were stored, or as fast as they are read; 1 by default. */
  readonly speed?: number | "max"
}

/** The differences between the paths. */
export interface Protocol<Item, Message> {
  readonly path: string
  readonly schema: Schema.Schema<Message, unknown>
  /** The frequent kind of message, whose JSON needs no decoding. */
  readonly plain?: string
  readonly keyOf: (item: Item) => string | number
  /** The messages that subscribe to items. `isAgain` after a reconnect, when missed events are requested too. */
  readonly subscribe: (items: ReadonlyArray<Item>, isAgain: boolean) => ReadonlyArray<object>
  readonly unsubscribe: (items: ReadonlyArray<Item>) => ReadonlyArray<object>
  /** The items that an answer or a refusal names. */
  readonly named: (message: Message) => ReadonlyArray<string | number>
  /** Handles a pong, which may contain the stream's position. Called only while all subscriptions are granted. */
  readonly reached?: (message: Message) => void
  /** Remembers the position. Returns false for an event that was delivered before. */
  readonly accept: (message: Message) => boolean
}

const withSince = (message: object, since: SocketMessages.Since | undefined): object =>
  since === undefined ? message : { ...message, since }

export const ticks = (): Protocol<number, SocketMessages.TicksMessage> => {
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
      // Answers overtake ticks, so an answer's position counts only for a client that has none.
      if (message.type === "subscribed" && places.since() === undefined) moveTo(message)
      return true
    }
  }
}

export const chains = (): Protocol<Chain, SocketMessages.ChainMessage> => {
  const places = Recovery.keyed<string>()
  // The gateway converts a symbol to upper case and answers with that.
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
      // The whole chain follows a gap, and it does not depend on earlier messages.
      if (message.type === "gap") places.forget(keyOf(message))
      if (message.type !== "update") return true
      if (message.kind === "delta") return places.acceptChange(keyOf(message), message)
      places.reset(keyOf(message), message)
      return true
    }
  }
}

export const strategies = (): Protocol<number, SocketMessages.StrategyMessage> => {
  const places = Recovery.keyed<number>()
  return {
    path: "/strategies/stream",
    schema: SocketMessages.StrategyMessage as Schema.Schema<SocketMessages.StrategyMessage, unknown>,
    keyOf: (id) => id,
    // A new subscription gets the newest mark, so there is nothing to recover.
    subscribe: (strategy_ids) => [{ action: "subscribe", strategy_ids }],
    unsubscribe: (strategy_ids) => {
      for (const id of strategy_ids) places.forget(id)
      return [{ action: "unsubscribe", strategy_ids }]
    },
    named: (message) => ("strategy_ids" in message ? (message.strategy_ids ?? []) : []),
    accept: (message) => message.type !== "m2m" || places.acceptNew(message.strategy_id, message)
  }
}

/** The gateway converts a symbol to upper case and answers with that. */
const monitoredKey = ({ symbol, expiry }: { readonly symbol: string; readonly expiry?: string | undefined }) =>
  `${expiry ?? ""} ${symbol.trim().toUpperCase()}`

export const monitor = (): Protocol<Monitored, SocketMessages.MonitorMessage> => {
  const places = Recovery.keyed<string>()
  return {
    path: "/nifty-monitor/stream",
    schema: SocketMessages.MonitorMessage as Schema.Schema<SocketMessages.MonitorMessage, unknown>,
    keyOf: monitoredKey,
    // A new subscription gets the whole view, so there is nothing to recover.
    subscribe: (items) => items.map((item) => ({ action: "subscribe", ...item })),
    unsubscribe: (items) => {
      for (const item of items) places.forget(monitoredKey(item))
      return items.map((item) => ({ action: "unsubscribe", ...item }))
    },
    named: (message) =>
      message.type !== "monitor" && "symbol" in message && message.symbol !== undefined
        ? [monitoredKey({ symbol: message.symbol, expiry: message.expiry })]
        : [],
    accept: (message) =>
      message.type !== "monitor" ||
      places.acceptNew(
        monitoredKey(message.nearest ? { symbol: message.symbol } : { symbol: message.symbol, expiry: message.expiry }),
        message
      )
  }
}

export const orders = (): Protocol<string, SocketMessages.OrderStreamMessage> => {
  const places = Recovery.ordered()
  return {
    path: "/orders/stream",
    schema: SocketMessages.OrderStreamMessage as Schema.Schema<SocketMessages.OrderStreamMessage, unknown>,
    keyOf: (account) => account,
    subscribe: (account_ids, isAgain) => [withSince({ action: "subscribe", account_ids }, isAgain ? places.since() : undefined)],
    unsubscribe: (account_ids) => [{ action: "unsubscribe", account_ids }],
    named: (message) => ("account_ids" in message ? (message.account_ids ?? []) : []),
    accept: (message) => {
      if ("data" in message) return places.accept(message)
      if (message.type === "gap") places.reset({ epoch: message.epoch, seq: message.to })
      return true
    }
  }
}

/** Remembers the position of the events of a type; false for one that was delivered before. */
const acceptEvents =
  (places: ReturnType<typeof Recovery.ordered>, event: "alert" | "label") =>
  (message: SocketMessages.AlertStreamMessage | SocketMessages.LabelStreamMessage): boolean => {
    if (message.type === event) return places.accept(message)
    if (message.type === "gap") places.reset({ epoch: message.epoch, seq: message.to })
    // Answers overtake events, so an answer's position counts only for a client that has none.
    const { epoch, seq } = message.type === "subscribed" ? message : {}
    if (epoch !== undefined && seq !== undefined && places.since() === undefined) places.reset({ epoch, seq })
    return true
  }

/** The events of all alerts of the user: there is one item, and its name is "all". */
export const alerts = (): Protocol<"all", SocketMessages.AlertStreamMessage> => {
  const places = Recovery.ordered()
  return {
    path: "/alerts/stream",
    schema: SocketMessages.AlertStreamMessage as Schema.Schema<SocketMessages.AlertStreamMessage, unknown>,
    keyOf: (all) => all,
    subscribe: (_all, isAgain) => [withSince({ action: "subscribe" }, isAgain ? places.since() : undefined)],
    unsubscribe: () => [{ action: "unsubscribe" }],
    named: ({ type }) => (type === "subscribed" || type === "unsubscribed" || type === "error" ? ["all"] : []),
    accept: acceptEvents(places, "alert")
  }
}

export const labels = (): Protocol<string, SocketMessages.LabelStreamMessage> => {
  const places = Recovery.ordered()
  // The gateway converts a symbol to upper case and answers with that.
  const keyOf = (symbol: string) => symbol.trim().toUpperCase()
  return {
    path: "/labels/stream",
    schema: SocketMessages.LabelStreamMessage as Schema.Schema<SocketMessages.LabelStreamMessage, unknown>,
    keyOf,
    subscribe: (symbols, isAgain) =>
      symbols.map((symbol) => withSince({ action: "subscribe", symbol }, isAgain ? places.since() : undefined)),
    unsubscribe: (symbols) => symbols.map((symbol) => ({ action: "unsubscribe", symbol })),
    named: (message) => ("symbol" in message && message.symbol !== undefined ? [keyOf(message.symbol)] : []),
    accept: acceptEvents(places, "label")
  }
}

const decodeIndicated = Schema.decodeUnknownEither(SocketMessages.IndicatorSubscribe)
/** The gateway answers with the symbol in capitals, the timeframe's short name and each indicator with all its settings. */
const indicatedKey = (item: Indicated): string =>
  Either.match(decodeIndicated({ ...item }), {
    onLeft: () => JSON.stringify([item.symbol, item.timeframe, item.indicators]),
    onRight: ({ indicators, symbol, timeframe }) => JSON.stringify([symbol, timeframe.short, indicators.map(({ id }) => id)])
  })

/** `isSession`: a set of this connection alone. */
export const indicators = (isSession: boolean): Protocol<Indicated, SocketMessages.IndicatorMessage> => {
  const places = Recovery.keyed<string>()
  return {
    path: isSession ? "/indicators/stream/session" : "/indicators/stream",
    schema: SocketMessages.IndicatorMessage as Schema.Schema<SocketMessages.IndicatorMessage, unknown>,
    keyOf: indicatedKey,
    // A new subscription gets the newest values, so there is nothing to recover.
    subscribe: (items) => items.map((item) => ({ action: "subscribe", ...item })),
    unsubscribe: (items) => items.map((item) => ({ action: "unsubscribe", ...item })),
    named: (message) => {
      if (message.type === "indicator" || !("symbol" in message)) return []
      const { indicators, symbol, timeframe } = message
      return symbol === undefined || timeframe === undefined || indicators === undefined
        ? []
        : [indicatedKey({ symbol, timeframe, indicators })]
    },
    accept: (message) =>
      message.type !== "indicator" ||
      places.acceptNew(JSON.stringify([message.exchange, message.symbol, message.timeframe, message.indicator]), message)
  }
}

/** A connection plays one subject. After a break it continues with the message after the last one, and after its end it plays nothing. */
export const replay = (): Protocol<Playback, SocketMessages.ReplayMessage> => {
  const places = Recovery.ordered()
  let reachedTime: string | undefined
  let hasEnded = false
  return {
    path: "/replay",
    schema: SocketMessages.ReplayMessage as Schema.Schema<SocketMessages.ReplayMessage, unknown>,
    keyOf: ({ key, stream }) => JSON.stringify([stream, key]),
    subscribe: (items, isAgain) =>
      hasEnded ? [] : items.map((item) => ({ action: "play", ...item, from: isAgain ? (reachedTime ?? item.from) : item.from })),
    unsubscribe: () => [{ action: "stop" }],
    named: (message) => (message.type === "playing" ? [JSON.stringify([message.stream, message.key])] : []),
    accept: (message) => {
      if (message.type === "ended") hasEnded = true
      if (message.type !== "message") return true
      reachedTime = message.time
      return places.accept(message)
    }
  }
}
