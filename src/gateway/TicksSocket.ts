import { Effect, Schema } from "effect"
import { InstrumentToken } from "../domain/Ids.ts"
import { action, type Endpoint, userView } from "./Endpoint.ts"
import { Hub } from "./Hub.ts"

/** As many as one broker connection carries. */
const tokensMax = 3000

const Tokens = Schema.Array(InstrumentToken).pipe(Schema.maxItems(tokensMax, { message: () => `at most ${tokensMax} tokens` }))
/** `mode` is checked and otherwise left: ticks are shared by all clients and carry what their packet had. */
const Subscribe = Schema.Struct({ tokens: Tokens, mode: Schema.optional(Schema.Literal("ltp", "quote", "full")) })
const Unsubscribe = Schema.Struct({ tokens: Tokens })

/** /ws/ticks: every tick of the tokens asked for. */
export const make: Effect.Effect<Endpoint, never, Hub> = Effect.map(Hub, (hub) => ({
  path: "/ws/ticks",
  open: (connection) => {
    const joined = new Set<number>()
    const subscribe = action(connection, Subscribe, ({ tokens }) =>
      Effect.sync(() => {
        const wanted = new Set<number>(tokens)
        let total = joined.size
        for (const token of wanted) if (!joined.has(token)) total++
        if (total > tokensMax) return connection.error(`Validation error: at most ${tokensMax} tokens a connection`)
        for (const token of wanted) {
          joined.add(token)
          hub.join(token, connection)
        }
        connection.reply({ type: "subscribed", tokens: [...wanted], total })
      })
    )
    const unsubscribe = action(connection, Unsubscribe, ({ tokens }) =>
      Effect.sync(() => {
        const removed = [...new Set<number>(tokens)].filter((token) => joined.delete(token))
        for (const token of removed) hub.leave(token, connection)
        connection.reply({ type: "unsubscribed", tokens: removed, total: joined.size })
      })
    )
    return {
      welcome: { type: "connected", connection_id: connection.id, user: userView(connection.user) },
      actions: { subscribe, unsubscribe },
      end: () => {
        for (const token of joined) hub.leave(token, connection)
      }
    }
  }
}))
