import { Effect } from "effect"
import { LabelsSubscribe, LabelsUnsubscribe, type Since } from "../../contract/sockets/SocketMessages.ts"
import { InstrumentRegistry, instrumentsAway } from "../../store/instruments/InstrumentRegistry.ts"
import { Symbols } from "../instruments/Symbols.ts"
import { notFoundText } from "../shared/Lookup.ts"
import { action, type Endpoint, userView } from "../sockets/Endpoint.ts"
import { Hub } from "../sockets/Hub.ts"
import { gapOf, isReached } from "../sockets/Since.ts"
import { LabelFeed } from "./LabelFeed.ts"

/** Instruments of one connection. */
const symbolsMax = 200

/** /labels/stream: the caller's own labels that are created, changed or removed, from now on or from the client's position. */
export const make: Effect.Effect<Endpoint, never, Hub | InstrumentRegistry | LabelFeed | Symbols> = Effect.gen(function* () {
  const hub = yield* Hub
  const feed = yield* LabelFeed
  const symbols = yield* Symbols
  const registry = yield* InstrumentRegistry
  const { log } = feed

  const open: Endpoint["open"] = (connection) => {
    const joined = new Set<string>()
    const topicOf = (symbol: string): string | undefined => {
      const it = symbols.find(symbol)
      return it === undefined ? undefined : feed.topic(connection.user.id, it.exchange, it.tradingsymbol)
    }
    const join = (symbol: string, topic: string, since: Since | undefined): void => {
      if (!connection.isOpen) return
      joined.add(topic)
      hub.join(topic, connection)
      const place = log.seq === undefined ? {} : { epoch: log.epoch, seq: log.seq }
      connection.reply({ type: "subscribed", symbol, total: joined.size, ...place })
      if (since === undefined) return
      const { events, gap } = log.missed(since, new Set([topic]))
      if (gap !== undefined) connection.reply({ ...gapOf(log.epoch, gap.from, gap.to), symbol })
      for (const { text } of events) connection.event(topic, text)
      hub.touch(connection)
      hub.flush()
    }
    const subscribe = action(connection, LabelsSubscribe, ({ symbol, since }) =>
      Effect.gen(function* () {
        if (registry.current() === undefined) return connection.refuse("unavailable", instrumentsAway, { symbol })
        const topic = topicOf(symbol)
        if (topic === undefined) return connection.refuse("not_found", notFoundText("Symbol"), { symbol })
        if (joined.size >= symbolsMax && !joined.has(topic))
          return connection.refuse("validation_error", `Validation error: at most ${symbolsMax} symbols a connection`, { symbol })
        if (since !== undefined && !(yield* isReached(feed.reached, since)))
          return connection.refuse("unavailable", "The position is not read yet", { symbol })
        join(symbol, topic, since)
      })
    )
    const unsubscribe = action(connection, LabelsUnsubscribe, ({ symbol }) =>
      Effect.sync(() => {
        const topic = topicOf(symbol)
        if (topic !== undefined && joined.delete(topic)) hub.leave(topic, connection)
        connection.reply({ type: "unsubscribed", symbol, total: joined.size })
      })
    )
    return {
      welcome: { type: "welcome", connection_id: connection.id, user: userView(connection.user) },
      actions: { subscribe, unsubscribe },
      end: () => {
        for (const topic of joined) hub.leave(topic, connection)
      }
    }
  }
  return { path: "/labels/stream", open }
})
