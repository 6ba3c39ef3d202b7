import { Effect, Either } from "effect"
import { MonitorSubscribe } from "../../contract/sockets/SocketMessages.ts"
import { instrumentsAway } from "../../store/instruments/InstrumentRegistry.ts"
import { Chains } from "../chains/Chains.ts"
import { notFoundText } from "../shared/Lookup.ts"
import { action, type Endpoint, userView } from "../sockets/Endpoint.ts"
import { Hub } from "../sockets/Hub.ts"
import { Monitor } from "./Monitor.ts"
import { MonitorFeed } from "./MonitorFeed.ts"

/** Views of one connection. */
const viewsMax = 50

/** /nifty-monitor/stream: the newest view at once, then at each change of the chain or of the underlying. */
export const make: Effect.Effect<Endpoint, never, Hub | Chains | Monitor | MonitorFeed> = Effect.gen(function* () {
  const hub = yield* Hub
  const chains = yield* Chains
  const monitor = yield* Monitor
  const feed = yield* MonitorFeed

  return {
    path: "/nifty-monitor/stream",
    open: (connection) => {
      const joined = new Set<string>()
      const subscribe = action(connection, MonitorSubscribe, ({ symbol, expiry }) =>
        Effect.sync(() => {
          const of = { symbol, ...(expiry === undefined ? {} : { expiry }) }
          const topic = feed.topic(symbol, expiry)
          const shown = expiry ?? monitor.nearest(symbol)
          const chain = shown === undefined ? undefined : chains.lookUp(symbol, shown)
          if (chain === undefined || Either.isLeft(chain)) {
            if (!chains.isLoaded()) return connection.refuse("unavailable", instrumentsAway, of)
            const missing = chain === undefined ? (chains.isKnown(symbol) ? "Expiry" : "Symbol") : chain.left
            return connection.refuse("not_found", notFoundText(missing), of)
          }
          if (joined.size >= viewsMax && !joined.has(topic))
            return connection.refuse("validation_error", `Validation error: at most ${viewsMax} views a connection`, of)
          joined.add(topic)
          hub.join(topic, connection)
          connection.reply({ type: "subscribed", ...of, total: joined.size })
          hub.stateTo(connection, topic, () => feed.textOf(symbol, expiry))
          hub.flush()
        })
      )
      const unsubscribe = action(connection, MonitorSubscribe, ({ symbol, expiry }) =>
        Effect.sync(() => {
          const topic = feed.topic(symbol, expiry)
          if (joined.delete(topic)) hub.leave(topic, connection)
          connection.reply({ type: "unsubscribed", symbol, ...(expiry === undefined ? {} : { expiry }), total: joined.size })
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
  }
})
