import { Effect, Either, Schema } from "effect"
import { Expiry, Symbol } from "../../contract/shared/Input.ts"
import { type RefusalCode, Since } from "../../contract/sockets/SocketMessages.ts"
import { instrumentsAway } from "../../store/instruments/InstrumentRegistry.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { notFoundText } from "../shared/Lookup.ts"
import * as Metrics from "../shared/Metrics.ts"
import { action, type Endpoint, userView } from "../sockets/Endpoint.ts"
import { Hub } from "../sockets/Hub.ts"
import { gapOf, isReached } from "../sockets/Since.ts"
import { Views } from "../views/Views.ts"
import { ChainFeed } from "./ChainFeed.ts"
import { Chains } from "./Chains.ts"

const chainsMax = 50

const OfExpiry = Schema.Struct({ symbol: Symbol, expiry: Expiry })
const Subscribe = Schema.Struct({ ...OfExpiry.fields, since: Schema.optional(Since) })

/**
 * /fo/stream: the whole chain first, then its changes. A client that continues from `since` gets the whole chain only if it missed
 * something: the newest keyframe with all later deltas.
 */
export const make: Effect.Effect<Endpoint, never, Hub | Chains | ChainFeed | JetStream | Views> = Effect.gen(function* () {
  const hub = yield* Hub
  const chains = yield* Chains
  const feed = yield* ChainFeed
  const js = yield* JetStream
  const views = yield* Views

  /** Sequences of OPT that this client needed and that are lost. The chain's state itself is complete. */
  const goneSince = (symbol: string, expiry: string, since: Since) =>
    Effect.gen(function* () {
      const isThere = yield* isReached(views.chainsReached, since)
      const { epoch, seq = 0 } = views.chainsReached()
      if (epoch !== since.epoch) return { from: 1, to: seq }
      // The stream never had this position, or it cannot be read.
      if (!isThere) return { from: since.seq + 1, to: Math.max(since.seq + 1, seq) }
      if (feed.seqOf(symbol, expiry) <= since.seq) return undefined
      // Without NATS the lost sequences are unknown, but the last known chain can be sent.
      const { firstSeq } = yield* Effect.orElseSucceed(js.info(Subjects.ChainDelta.stream), () => ({ firstSeq: 0 }))
      return firstSeq > since.seq + 1 ? { from: since.seq + 1, to: firstSeq - 1 } : undefined
    })
  return {
    path: "/fo/stream",
    open: (connection) => {
      const joined = new Set<string>()
      const refusalOf = (symbol: string, expiry: string): readonly [RefusalCode, string] | undefined => {
        const chain = chains.lookUp(symbol, expiry)
        // A chain counts as missing only after the day's instruments are loaded.
        if (Either.isLeft(chain)) return chains.isLoaded() ? ["not_found", notFoundText(chain.left)] : ["unavailable", instrumentsAway]
        const isFull = joined.size >= chainsMax && !joined.has(feed.topic(symbol, expiry))
        return isFull ? ["validation_error", `Validation error: at most ${chainsMax} chains a connection`] : undefined
      }
      const join = (symbol: string, expiry: string, since?: Since, gone?: { readonly from: number; readonly to: number }): void => {
        const topic = feed.topic(symbol, expiry)
        const refusal = refusalOf(symbol, expiry)
        if (refusal !== undefined) {
          connection.refuse(...refusal, { symbol, expiry })
          return
        }
        joined.add(topic)
        hub.join(topic, connection)
        connection.reply({ type: "subscribed", symbol, expiry, total: joined.size })
        if (gone !== undefined) {
          Metrics.wsGaps.unsafeUpdate(1, [])
          connection.reply({ ...gapOf(views.epochs.chains, gone.from, gone.to), symbol, expiry })
        } else if (since !== undefined && feed.seqOf(symbol, expiry) <= since.seq) return
        hub.stateTo(connection, topic, feed.whole(symbol, expiry))
        hub.flush()
      }
      const subscribe = action(connection, Subscribe, ({ symbol, expiry, since }) =>
        since === undefined
          ? Effect.sync(() => join(symbol, expiry))
          : Effect.map(goneSince(symbol, expiry, since), (gone) => {
              // The client may have disconnected meanwhile.
              if (connection.isOpen) join(symbol, expiry, since, gone)
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
