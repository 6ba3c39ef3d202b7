import { Effect } from "effect"
import { Broker } from "../../broker/Broker.ts"
import type { KiteError } from "../../broker/KiteError.ts"
import * as Asks from "../../streams/Asks.ts"

interface Refused {
  readonly refused: { readonly error_type: string; readonly message: string }
}

/** If the broker refuses a request because of the client's error, asking again does not help. So the broker's words become the answer. */
const orRefused = <A>(self: Effect.Effect<A, KiteError>): Effect.Effect<A | Refused, KiteError> =>
  Effect.catchAll(self, (error) =>
    error._tag === "KiteRefused" && error.status >= 400 && error.status < 500
      ? Effect.succeed({ refused: { error_type: error.errorType, message: error.reason } })
      : Effect.fail(error)
  )

/** Answers what the gateway asks the account's broker, whose session only the executor holds. */
export const make = (account: string) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const reads = yield* broker.reads(account)
    const margins = Asks.serve(
      Asks.orderMargins(account),
      ({ orders }) => orRefused(Effect.map(reads.orderMargins(orders), (found) => ({ margins: found }))),
      1
    )
    const triggers = Asks.serve(
      Asks.accountTriggers(account),
      () => orRefused(Effect.map(reads.triggers, (found) => ({ triggers: found }))),
      1
    )
    return Effect.all([margins, triggers], { concurrency: "unbounded", discard: true })
  })
