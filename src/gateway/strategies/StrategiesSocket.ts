import { Effect, Option, Schema } from "effect"
import { StrategyId } from "../../domain/Ids.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { notFoundText } from "../shared/Lookup.ts"
import { databaseAway } from "../shared/StoreProblem.ts"
import type { Connection } from "../sockets/Connection.ts"
import { action, type Endpoint, userView } from "../sockets/Endpoint.ts"
import { Hub } from "../sockets/Hub.ts"
import { Views } from "../views/Views.ts"
import { MarkFeed } from "./MarkFeed.ts"
import { StrategyChanges } from "./StrategyChanges.ts"

const strategiesMax = 200
/** Concurrent look-ups of one subscribe message. */
const lookupsMax = 4

const Ids = Schema.Struct({
  strategy_ids: Schema.Array(StrategyId).pipe(Schema.maxItems(strategiesMax, { message: () => `at most ${strategiesMax} strategies` }))
})

/**
 * /strategies/stream: the newest mark of the caller's strategies, then every change at the speed at which the client reads. Also sends
 * which of the caller's strategies are created, changed or deleted.
 */
export const make: Effect.Effect<Endpoint, never, Hub | MarkFeed | StrategyChanges | StrategyRepo | Views> = Effect.gen(function* () {
  const hub = yield* Hub
  const feed = yield* MarkFeed
  const changes = yield* StrategyChanges
  const strategies = yield* StrategyRepo
  const { strategies: marks } = yield* Views

  /** The ids that belong to the user. Another user's strategy counts as missing. */
  const ownOf = (connection: Connection, ids: ReadonlyArray<number>) =>
    Effect.filter(ids, (id) => Effect.map(strategies.byId(connection.user.id, id), Option.isSome), { concurrency: lookupsMax })

  return {
    path: "/strategies/stream",
    open: (connection) => {
      const owner = connection.user.id
      const joined = new Set<number>()
      hub.join(changes.topic(owner), connection)
      const join = (ids: ReadonlyArray<number>): void => {
        const fresh = ids.filter((id) => !joined.has(id))
        if (joined.size + fresh.length > strategiesMax) {
          const message = `Validation error: at most ${strategiesMax} strategies a connection`
          connection.refuse("validation_error", message, { strategy_ids: fresh })
          return
        }
        for (const id of ids) {
          joined.add(id)
          hub.join(feed.topic(owner, id), connection)
        }
        connection.reply({ type: "subscribed", strategy_ids: ids, total: joined.size })
        for (const id of ids) {
          const marked = marks.marked(owner, id)
          if (marked !== undefined) hub.stateTo(connection, feed.topic(owner, id), () => feed.textOf(marks.marked(owner, id) ?? marked))
        }
        hub.flush()
      }
      const answer = (ids: ReadonlyArray<number>, own: ReadonlyArray<number>): void => {
        // The client may have disconnected during the query.
        if (!connection.isOpen) return
        const others = ids.filter((id) => !own.includes(id))
        if (others.length > 0) connection.refuse("not_found", notFoundText("Strategy"), { strategy_ids: others })
        if (own.length > 0 || others.length === 0) join(own)
      }
      const subscribe = action(connection, Ids, ({ strategy_ids }) => {
        const ids = [...new Set<number>(strategy_ids)]
        return ownOf(connection, ids).pipe(
          Effect.map((own) => answer(ids, own)),
          Effect.catchTag("StoreUnavailable", () =>
            Effect.sync(() => connection.refuse("unavailable", databaseAway, { strategy_ids: ids }))
          )
        )
      })
      const unsubscribe = action(connection, Ids, ({ strategy_ids }) =>
        Effect.sync(() => {
          const removed = [...new Set<number>(strategy_ids)].filter((id) => joined.delete(id))
          for (const id of removed) hub.leave(feed.topic(owner, id), connection)
          connection.reply({ type: "unsubscribed", strategy_ids: removed, total: joined.size })
        })
      )
      return {
        welcome: { type: "welcome", connection_id: connection.id, user: userView(connection.user) },
        actions: { subscribe, unsubscribe },
        end: () => {
          hub.leave(changes.topic(owner), connection)
          for (const id of joined) hub.leave(feed.topic(owner, id), connection)
        }
      }
    }
  }
})
