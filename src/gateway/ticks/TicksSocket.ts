import { Effect, Schema } from "effect"
import { Since } from "../../contract/sockets/SocketMessages.ts"
import { InstrumentToken } from "../../domain/Ids.ts"
import { action, type Endpoint, userView } from "../sockets/Endpoint.ts"
import { Hub } from "../sockets/Hub.ts"
import { Views } from "../views/Views.ts"
import { TickReplay } from "./TickReplay.ts"

/** The limit of one broker connection. */
const tokensMax = 3000

const Tokens = Schema.Array(InstrumentToken).pipe(Schema.maxItems(tokensMax, { message: () => `at most ${tokensMax} tokens` }))
/** `mode` is validated but has no effect: all clients share the ticks, which hold what their packet had. */
const Subscribe = Schema.Struct({
  tokens: Tokens,
  mode: Schema.optional(Schema.Literal("ltp", "quote", "full")),
  since: Schema.optional(Since)
})
const Unsubscribe = Schema.Struct({ tokens: Tokens })

/** /ws/ticks: every tick of the requested tokens, from now on or from the client's position. */
export const make: Effect.Effect<Endpoint, never, Hub | TickReplay | Views> = Effect.gen(function* () {
  const hub = yield* Hub
  const past = yield* TickReplay
  const views = yield* Views
  const open: Endpoint["open"] = (connection) => {
    const joined = new Set<number>()
    const join = (wanted: ReadonlySet<number>) => {
      for (const token of wanted) {
        joined.add(token)
        hub.join(token, connection)
      }
      return { type: "subscribed", tokens: [...wanted], total: joined.size }
    }
    /** The position from which a client that receives no tick can continue. */
    const place = () => {
      const { epoch, seq } = views.framesReached()
      return seq === undefined ? {} : { epoch, seq }
    }
    const subscribe = action(connection, Subscribe, ({ tokens, since }) =>
      Effect.suspend(() => {
        const wanted = new Set<number>(tokens)
        // A token that is already live has missed nothing.
        const fresh = new Set([...wanted].filter((token) => !joined.has(token)))
        if (joined.size + fresh.size > tokensMax) {
          const message = `Validation error: at most ${tokensMax} tokens a connection`
          return Effect.sync(() => connection.refuse("validation_error", message, { tokens: [...fresh] }))
        }
        if (since === undefined || fresh.size === 0) return Effect.sync(() => connection.reply({ ...join(wanted), ...place() }))
        return past.resume({ connection, tokens: fresh, since, join: () => connection.reply(join(wanted)) })
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
      // Tokens may be silent for hours, and the record of that time may be too long for a replay.
      pong: () => (joined.size > 0 && connection.isDrained ? place() : {}),
      end: () => {
        for (const token of joined) hub.leave(token, connection)
      }
    }
  }
  return { path: "/ws/ticks", open }
})
