import { Effect, Layer } from "effect"
import { LinkedAccounts, LinkedUnread } from "../broker/LinkedAccounts.ts"
import { AccountRepo } from "../store/accounts/AccountRepo.ts"
import * as Caller from "../store/owners/Caller.ts"

/**
 * Reads the linked accounts and the sessions of all owners from Postgres. It reads as the platform, even when one caller's request triggers
 * the read.
 */
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
