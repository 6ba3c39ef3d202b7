import { Effect } from "effect"
import { Broker } from "../../broker/Broker.ts"
import * as Asks from "../../streams/Asks.ts"

/** Answers what the gateway asks the account's broker, whose session only the executor holds. */
export const make = (account: string) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const reads = yield* broker.reads(account)
    return Asks.serve(
      Asks.orderMargins(account),
      ({ orders }) =>
        Effect.map(reads.orderMargins(orders), (margins) => ({ margins })).pipe(
          // A client's error does not go away when the question is asked again.
          Effect.catchTag("KiteRefused", (error) =>
            error.status >= 400 && error.status < 500
              ? Effect.succeed({ refused: { error_type: error.errorType, message: error.reason } })
              : Effect.fail(error)
          )
        ),
      1
    )
  })
