import { Effect, Layer } from "effect"
import { LinkedAccounts } from "../../src/broker/LinkedAccounts.ts"

/** A store in which nobody linked an account. */
export const noneLinked = Layer.succeed(LinkedAccounts, { read: Effect.succeed({ accounts: [], sessions: [] }) })
