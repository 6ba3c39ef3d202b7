import { Effect, Option, Schema } from "effect"
import { StrategyId } from "../domain/Ids.ts"
import { StrategyRepo } from "../store/StrategyRepo.ts"
import type { Connection } from "./Connection.ts"
import { action, type Endpoint, userView } from "./Endpoint.ts"
import { Hub } from "./Hub.ts"
import { MarkFeed } from "./MarkFeed.ts"
import { databaseAway } from "./StoreProblem.ts"
import { Views } from "./Views.ts"

const strategiesMax = 200
/** Look-ups of one subscribe message that run at once. */
const lookupsMax = 4

const Ids = Schema.Struct({
  strategy_ids: Schema.Array(StrategyId).pipe(Schema.maxItems(strategiesMax, { message: () => `at most ${strategiesMax} strategies` }))
})

/** /strategies/stream: the newest mark of the caller's own strategies, then every change that the client keeps up with. */
export const make: Effect.Effect<Endpoint, never, Hub | MarkFeed | StrategyRepo | Views> = Effect.gen(function* () {
  const hub = yield* Hub
  const feed = yield* MarkFeed
  const strategies = yield* StrategyRepo
  const { strategies: marks } = yield* Views

  /** All or none: another user's strategy is as good as none. */
  const areOwned = (connection: Connection, ids: ReadonlyArray<number>) =>
    Effect.map(
      Effect.forEach(ids, (id) => strategies.byId(connection.user.id, id), { concurrency: lookupsMax }),
      (found) => found.every(Option.isSome)
    )

  return {
    path: "/strategies/stream",
    open: (connection) => {
      const owner = connection.user.id
      const joined = new Set<number>()
      const join = (ids: ReadonlyArray<number>): void => {
        if (new Set([...joined, ...ids]).size > strategiesMax) {
          connection.error(`Validation error: at most ${strategiesMax} strategies a connection`)
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
      const subscribe = action(connection, Ids, ({ strategy_ids }) => {
        const ids = [...new Set<number>(strategy_ids)]
        return areOwned(connection, ids).pipe(
          // The client may have left while the database was asked.
          Effect.flatMap((owned) =>
            Effect.sync(() => {
              if (!connection.isOpen) return
              if (owned) join(ids)
              else connection.error("Strategy not found")
            })
          ),
          Effect.catchTag("StoreUnavailable", () => Effect.sync(() => connection.error(databaseAway)))
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
          for (const id of joined) hub.leave(feed.topic(owner, id), connection)
        }
      }
    }
  }
})
