import { Context, type Effect } from "effect"
import type { NoSlot } from "./KiteError.ts"

/**
 * The families of requests that the broker counts separately: quotes, history, and everything else except orders. `state` (an account's
 * orders, positions and funds) counts with everything else, and has priority over it. `backfill` counts with history, and leaves room for
 * people's questions. Orders use none of these budgets: the account's executor keeps their limits.
 */
export type Family = "quote" | "historical" | "backfill" | "state" | "other"

export type Within = (family: Family, op: string) => <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, E | NoSlot>

/** Port: one budget of requests for each account in the whole cluster, and whether the broker refuses more of them. */
export class Budgets extends Context.Tag("broker/Budgets")<
  Budgets,
  {
    readonly of: (account: string) => Within
    /** Reports that the broker answered 429 to a request of the account. All processes remember it for this long. */
    readonly limited: (account: string, forMs: number, op: string) => Effect.Effect<void>
    /** How long such an answer of the account still counts, ms; 0 if none does. */
    readonly limitedForMs: (account: string) => number
  }
>() {}
