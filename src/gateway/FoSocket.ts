import { Effect, Schema } from "effect"
import { Chains } from "./Chains.ts"
import { action, type Endpoint, userView } from "./Endpoint.ts"
import { FoFeed } from "./FoFeed.ts"
import { Hub } from "./Hub.ts"
import { Expiry, Symbol } from "./Input.ts"

const chainsMax = 50

const OfExpiry = Schema.Struct({ symbol: Symbol, expiry: Expiry })

/** /fo/stream: whole chains first, then what changes in them. */
export const make: Effect.Effect<Endpoint, never, Hub | Chains | FoFeed> = Effect.gen(function* () {
  const hub = yield* Hub
  const chains = yield* Chains
  const feed = yield* FoFeed
  return {
    path: "/fo/stream",
    open: (connection) => {
      const joined = new Set<string>()
      const subscribe = action(connection, OfExpiry, ({ symbol, expiry }) =>
        Effect.sync(() => {
          const topic = feed.topic(symbol, expiry)
          if (!chains.isKnown(symbol)) return connection.error("Symbol not found")
          if (chains.snapshot(symbol, expiry) === undefined) return connection.error("Expiry not found")
          if (!joined.has(topic) && joined.size >= chainsMax)
            return connection.error(`Validation error: at most ${chainsMax} chains a connection`)
          joined.add(topic)
          hub.join(topic, connection)
          connection.reply({ type: "subscribed", symbol, expiry, total: joined.size })
          hub.stateTo(connection, topic, feed.whole(symbol, expiry))
          hub.flush()
        })
      )
      const unsubscribe = action(connection, OfExpiry, ({ symbol, expiry }) =>
        Effect.sync(() => {
          const topic = feed.topic(symbol, expiry)
          if (joined.delete(topic)) hub.leave(topic, connection)
          connection.reply({ type: "unsubscribed", symbol, expiry, total: joined.size })
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
