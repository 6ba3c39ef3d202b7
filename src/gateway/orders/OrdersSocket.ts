import { Effect } from "effect"
import type { Accounts } from "../../broker/Accounts.ts"
import { OrdersSubscribe, OrdersUnsubscribe, type Since } from "../../contract/sockets/SocketMessages.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import { action, type Endpoint, userView } from "../sockets/Endpoint.ts"
import { Hub } from "../sockets/Hub.ts"
import { gapOf, isReached } from "../sockets/Since.ts"
import { OrderFeed } from "./OrderFeed.ts"

/** /orders/stream: order tasks, orders and alerts of the caller's accounts, from now on or from the client's position. */
export const make: Effect.Effect<Endpoint, never, Accounts | Hub | OrderFeed> = Effect.gen(function* () {
  const hub = yield* Hub
  const feed = yield* OrderFeed
  const rights = yield* AccountRights.make
  const { log } = feed

  const open: Endpoint["open"] = (connection) => {
    const joined = new Set<string>()
    const join = (wanted: ReadonlyArray<string>, since: Since | undefined): void => {
      if (!connection.isOpen) return
      const fresh = new Set(wanted.filter((id) => !joined.has(id)))
      for (const id of fresh) {
        joined.add(id)
        hub.join(feed.topic(id), connection)
      }
      const place = log.seq === undefined ? {} : { epoch: log.epoch, seq: log.seq }
      connection.reply({ type: "subscribed", account_ids: wanted, total: joined.size, ...place })
      if (since === undefined) return
      const { events, gap } = log.missed(since, new Set([...fresh].map(feed.topic)))
      if (gap !== undefined) connection.reply(gapOf(log.epoch, gap.from, gap.to))
      for (const { topic, text } of events) connection.event(topic, text)
      hub.touch(connection)
      hub.flush()
    }
    const subscribe = action(connection, OrdersSubscribe, ({ account_ids, since }) =>
      Effect.gen(function* () {
        const ids = [...new Set(account_ids)]
        // Accounts are linked and removed while a connection is open.
        const mine = new Set(rights.idsOf(connection.user))
        const others = ids.filter((id) => !mine.has(id))
        if (others.length > 0) connection.refuse("not_found", "Account not found", { account_ids: others })
        const own = ids.filter((id) => mine.has(id))
        if (own.length === 0 && others.length > 0) return
        if (since !== undefined && !(yield* isReached(feed.reached, since)))
          return connection.refuse("unavailable", "The position is not read yet", { account_ids: own })
        join(own, since)
      })
    )
    const unsubscribe = action(connection, OrdersUnsubscribe, ({ account_ids }) =>
      Effect.sync(() => {
        const removed = [...new Set(account_ids)].filter((id) => joined.delete(id))
        for (const id of removed) hub.leave(feed.topic(id), connection)
        connection.reply({ type: "unsubscribed", account_ids: removed, total: joined.size })
      })
    )
    return {
      welcome: { type: "welcome", connection_id: connection.id, user: userView(connection.user) },
      actions: { subscribe, unsubscribe },
      end: () => {
        for (const id of joined) hub.leave(feed.topic(id), connection)
      }
    }
  }
  return { path: "/orders/stream", open }
})
