import { Effect, Schema } from "effect"
import { AlertsSubscribe } from "../../contract/sockets/SocketMessages.ts"
import { action, type Endpoint, userView } from "../sockets/Endpoint.ts"
import { Hub } from "../sockets/Hub.ts"
import { gapOf, isReached } from "../sockets/Since.ts"
import { AlertFeed } from "./AlertFeed.ts"

const Nothing = Schema.Struct({})

/** /alerts/stream: the caller's own alerts that fire, from now on or from the client's position. */
export const make: Effect.Effect<Endpoint, never, AlertFeed | Hub> = Effect.gen(function* () {
  const hub = yield* Hub
  const feed = yield* AlertFeed
  const { log } = feed

  const open: Endpoint["open"] = (connection) => {
    const topic = feed.topic(connection.user.id)
    const subscribe = action(connection, AlertsSubscribe, ({ since }) =>
      Effect.gen(function* () {
        if (since !== undefined && !(yield* isReached(feed.reached, since)))
          return connection.refuse("unavailable", "The position is not read yet")
        // The client may have disconnected meanwhile.
        if (!connection.isOpen) return
        hub.join(topic, connection)
        const place = log.seq === undefined ? {} : { epoch: log.epoch, seq: log.seq }
        connection.reply({ type: "subscribed", total: 1, ...place })
        if (since === undefined) return
        const { events, gap } = log.missed(since, new Set([topic]))
        if (gap !== undefined) connection.reply(gapOf(log.epoch, gap.from, gap.to))
        for (const { text } of events) connection.event(topic, text)
        hub.touch(connection)
        hub.flush()
      })
    )
    const unsubscribe = action(connection, Nothing, () =>
      Effect.sync(() => {
        hub.leave(topic, connection)
        connection.reply({ type: "unsubscribed", total: 0 })
      })
    )
    return {
      welcome: { type: "welcome", connection_id: connection.id, user: userView(connection.user) },
      actions: { subscribe, unsubscribe },
      end: () => hub.leave(topic, connection)
    }
  }
  return { path: "/alerts/stream", open }
})
