import { Effect, Schema } from "effect"
import { Since } from "../../contract/sockets/SocketMessages.ts"
import { brokerTokensMax } from "../../domain/accounts/ConnectionPool.ts"
import { InstrumentToken } from "../../domain/Ids.ts"
import type { Connection } from "../sockets/Connection.ts"
import { action, type Endpoint, userView } from "../sockets/Endpoint.ts"
import { Hub } from "../sockets/Hub.ts"
import { Views } from "../views/Views.ts"
import { TickReplay } from "./TickReplay.ts"
import { TokenNames } from "./TokenNames.ts"

const Tokens = Schema.Array(InstrumentToken).pipe(Schema.maxItems(brokerTokensMax, { message: () => `at most ${brokerTokensMax} tokens` }))
/** `mode` is validated but has no effect: all clients share one message for each tick, with the fields of its packet. */
const Subscribe = Schema.Struct({
  tokens: Tokens,
  mode: Schema.optional(Schema.Literal("ltp", "quote", "full")),
  since: Schema.optional(Since)
})
const Unsubscribe = Schema.Struct({ tokens: Tokens })

/** A client drops a subscription that is refused with `not_found`. */
const refuseChanged = (connection: Connection, tokens: Iterable<number>): void =>
  connection.refuse("not_found", "Instrument not found: the exchange gave its token to another contract", { tokens: [...tokens] })

/** /ws/ticks: every tick of the requested tokens, from now on or from the client's position. */
export const make: Effect.Effect<Endpoint, never, Hub | TickReplay | TokenNames | Views> = Effect.gen(function* () {
  const hub = yield* Hub
  const past = yield* TickReplay
  const names = yield* TokenNames
  const views = yield* Views
  const open: Endpoint["open"] = (connection) => {
    /** What each token named when the client asked for it. */
    const joined = new Map<number, string | undefined>()
    const join = (wanted: ReadonlySet<number>) => {
      for (const token of wanted) {
        if (!joined.has(token)) joined.set(token, names.nameOf(token))
        hub.join(token, connection)
      }
      return { type: "subscribed", tokens: [...wanted], total: joined.size }
    }
    const leave = (tokens: Iterable<number>): ReadonlyArray<number> => {
      const removed = [...tokens].filter((token) => joined.delete(token))
      for (const token of removed) hub.leave(token, connection)
      return removed
    }
    /** Ends subscriptions whose token names another contract now. An expired contract's token stays until then: nothing comes for it. */
    const endChanged = (): void => {
      const changed: Array<number> = []
      for (const [token, before] of joined) {
        const now = names.nameOf(token)
        if (before === undefined) joined.set(token, now)
        else if (now !== undefined && now !== before) changed.push(token)
      }
      if (changed.length > 0) refuseChanged(connection, leave(changed))
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
        if (joined.size + fresh.size > brokerTokensMax) {
          const message = `Validation error: at most ${brokerTokensMax} tokens a connection`
          return Effect.sync(() => connection.refuse("validation_error", message, { tokens: [...fresh] }))
        }
        if (since === undefined || fresh.size === 0) return Effect.sync(() => connection.reply({ ...join(wanted), ...place() }))
        const refused = (changed: ReadonlySet<number>) => {
          for (const token of changed) wanted.delete(token)
          if (changed.size > 0) refuseChanged(connection, changed)
        }
        return past.resume({ connection, tokens: fresh, since, refused, join: () => connection.reply(join(wanted)) })
      })
    )
    const unsubscribe = action(connection, Unsubscribe, ({ tokens }) =>
      Effect.sync(() => connection.reply({ type: "unsubscribed", tokens: leave(new Set<number>(tokens)), total: joined.size }))
    )
    const stopWatching = names.onChange(endChanged)
    return {
      welcome: { type: "connected", connection_id: connection.id, user: userView(connection.user) },
      actions: { subscribe, unsubscribe },
      // Tokens may be silent for hours, and the record of that time may be too long for a replay.
      pong: () => (joined.size > 0 && connection.isDrained ? place() : {}),
      end: () => {
        stopWatching()
        for (const token of joined.keys()) hub.leave(token, connection)
      }
    }
  }
  return { path: "/ws/ticks", open }
})
