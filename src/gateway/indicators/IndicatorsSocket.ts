import { Effect } from "effect"
import type { Path } from "../../contract/sockets/SocketActions.ts"
import { IndicatorSubscribe } from "../../contract/sockets/SocketMessages.ts"
import * as Wishes from "../../store/indicators/IndicatorSubscriptionRepo.ts"
import { InstrumentRegistry, instrumentsAway } from "../../store/instruments/InstrumentRegistry.ts"
import { Symbols } from "../instruments/Symbols.ts"
import { notFoundText } from "../shared/Lookup.ts"
import { databaseAway, tooManyText } from "../shared/StoreProblem.ts"
import type { Connection } from "../sockets/Connection.ts"
import { action, type Endpoint, userView } from "../sockets/Endpoint.ts"
import { Hub } from "../sockets/Hub.ts"
import { Views } from "../views/Views.ts"
import { IndicatorFeed } from "./IndicatorFeed.ts"
import { type Holder, IndicatorSets, subjectsOf } from "./IndicatorSets.ts"

type Subscribe = typeof IndicatorSubscribe.Type

/**
 * /indicators/stream: its subscriptions belong to the user's set, as those by REST, and stay when the connection ends.
 * /indicators/stream/session: they belong to the connection alone and end with it.
 */
const make = (path: Path, holderOf: (connection: Connection) => Holder) =>
  Effect.gen(function* () {
    const hub = yield* Hub
    const feed = yield* IndicatorFeed
    const sets = yield* IndicatorSets
    const symbols = yield* Symbols
    const registry = yield* InstrumentRegistry
    const { indicators: view, epochs } = yield* Views

    const open: Endpoint["open"] = (connection) => {
      const holder = holderOf(connection)
      const joined = new Set<string>()
      const named = ({ symbol, timeframe, indicators }: Subscribe) => ({
        symbol,
        timeframe: timeframe.short,
        indicators: indicators.map(({ id }) => id)
      })
      const join = (subjects: ReadonlyArray<string>, since: Subscribe["since"]): void => {
        for (const subject of subjects) {
          joined.add(subject)
          hub.join(subject, connection)
          const valued = view.find(subject)
          // A client that continues has seen the value if its position is not before it.
          const isSeen = since !== undefined && since.epoch === epochs.indicators && valued !== undefined && valued.seq <= since.seq
          if (valued !== undefined && !isSeen) hub.stateTo(connection, subject, () => feed.textOf(view.find(subject) ?? valued))
        }
        hub.flush()
      }
      const leave = (subjects: ReadonlyArray<string>): void => {
        for (const subject of subjects) if (joined.delete(subject)) hub.leave(subject, connection)
      }
      /** Runs a change of the set, and answers with it or with the reason why not. */
      const change = (message: Subscribe, type: "subscribed" | "unsubscribed") =>
        Effect.gen(function* () {
          const of = named(message)
          if (registry.current() === undefined) return connection.refuse("unavailable", instrumentsAway, of)
          const instrument = symbols.find(message.symbol)
          if (instrument === undefined) return connection.refuse("not_found", notFoundText("Symbol"), of)
          const request = { instrument, interval: message.timeframe, indicators: message.indicators }
          const total = yield* type === "subscribed" ? sets.add(holder, request) : sets.remove(holder, request)
          // The client may have disconnected meanwhile, when its set was not known yet.
          if (!connection.isOpen) return sets.close(holder.name)
          connection.reply({ type, ...of, total })
          if (type === "subscribed") join(subjectsOf(request), message.since)
          else leave(subjectsOf(request))
        }).pipe(
          Effect.catchAll((error) =>
            Effect.sync(() =>
              error._tag === "LimitReached"
                ? connection.refuse("validation_error", `Validation error: indicators: ${tooManyText(error)}`, named(message))
                : connection.refuse("unavailable", databaseAway, named(message))
            )
          )
        )
      return {
        welcome: { type: "welcome", connection_id: connection.id, user: userView(connection.user) },
        actions: {
          subscribe: action(connection, IndicatorSubscribe, (message) => change(message, "subscribed")),
          unsubscribe: action(connection, IndicatorSubscribe, (message) => change(message, "unsubscribed"))
        },
        end: () => {
          for (const subject of joined) hub.leave(subject, connection)
          if (holder.isSession) sets.close(holder.name)
        }
      }
    }
    return { path, open } satisfies Endpoint
  })

export const shared = make("/indicators/stream", ({ user }) => ({ name: Wishes.ofUser(user.id), isSession: false }))
export const session = make("/indicators/stream/session", ({ id, user }) => ({ name: Wishes.ofSession(id, user.id), isSession: true }))
