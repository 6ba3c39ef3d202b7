import { Effect, Layer } from "effect"
import { LinkedAccounts, LinkedUnread } from "./broker/LinkedAccounts.ts"
import { AccountRepo } from "./store/accounts/AccountRepo.ts"

/** The linked accounts and sessions of a process are those of Postgres. */
export const layer = Layer.effect(
  LinkedAccounts,
  Effect.map(AccountRepo, (repo) => ({
    read: Effect.all({
      accounts: repo.linked,
      sessions: Effect.map(repo.sessions, (all) =>
        all.map(({ signedInAt, ...session }) => ({ ...session, signedInMs: signedInAt.getTime() }))
      )
    }).pipe(Effect.mapError(({ detail }) => new LinkedUnread({ reason: detail })))
  }))
)
