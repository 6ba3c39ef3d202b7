import { Effect, Layer } from "effect"
import { LinkedAccounts, LinkedUnread } from "./broker/LinkedAccounts.ts"
import { AccountRepo } from "./store/accounts/AccountRepo.ts"
import * as Caller from "./store/owners/Caller.ts"

/** The linked accounts and sessions of a process are those of Postgres, of all owners, also when a caller's request makes it look. */
export const layer = Layer.effect(
  LinkedAccounts,
  Effect.map(AccountRepo, (repo) => ({
    read: Effect.all({
      accounts: repo.linked,
      sessions: Effect.map(repo.sessions, (all) =>
        all.map(({ signedInAt, ...session }) => ({ ...session, signedInMs: signedInAt.getTime() }))
      )
    }).pipe(
      Caller.asPlatform,
      Effect.mapError(({ detail }) => new LinkedUnread({ reason: detail }))
    )
  }))
)
