import { Effect, Either, Layer, Option, Redacted } from "effect"
import type { User } from "../../contract/shared/Authentication.ts"
import * as Access from "../../domain/access/Access.ts"
import * as Callout from "../../streams/callout/Callout.ts"
import * as SubjectRights from "../../streams/callout/SubjectRights.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import * as Auth from "../shared/Auth.ts"
import * as Holder from "./Holder.ts"

const unknownKey = "unknown, revoked or expired API key"
/** Connections in one answer of a server; its default. */
const pageMax = 1_024
/** Three parts of base64url. An API key has no dot. */
const isJwt = (text: string): boolean => text.split(".").length === 3

/**
 * Users of NATS: a client signs in with a token or an API key as its password, and may subscribe to the market's subjects and to those of
 * its own strategies, labels, alerts and accounts, as far as its scopes go.
 */
export const layer = Layer.scopedDiscard(
  Effect.gen(function* () {
    const tokens = yield* Auth.Tokens
    const apiKeys = yield* Auth.ApiKeys
    const accounts = yield* AccountRights.make
    const changed = yield* Effect.makeLatch(false)
    yield* apiKeys.onChange(() => changed.unsafeOpen())

    const userOf = (text: string) =>
      isJwt(text)
        ? tokens.verify(text)
        : Effect.flatMap(
            apiKeys.owner(Redacted.make(text)),
            Option.match({
              onNone: () => Effect.fail(new Auth.InvalidToken({ reason: unknownKey, isForged: false })),
              onSome: Effect.succeed
            })
          )
    const grantTo = (user: User) => {
      const accountIds = accounts.idsOf(user)
      const mayRead = (group: string) => Access.refusalOf(user, { group, verb: "read", role: "viewer" }) === undefined
      const filters = SubjectRights.filtersOf({ owner: user.id, accountIds, mayRead })
      if (filters.length === 0) return Either.left("its key has no scope that reads a subject")
      return Either.right({ name: Holder.format(Holder.of(user, accountIds)), owner: user.id, filters, expiresAtMs: user.expiresAtMs })
    }
    const isStale = (alive: ReadonlySet<number> | undefined) => (holder: Holder.Holder | undefined) => {
      if (holder === undefined) return true
      const { accounts: before, keyId, owner, role } = holder
      // Without Postgres nothing is known of the keys: their connections stay.
      if (keyId !== null && alive !== undefined && !alive.has(keyId)) return true
      return before !== Holder.accountsDigest(accounts.idsOf({ id: owner, role }))
    }
    const admission: Callout.Admission = {
      admit: (secret) =>
        userOf(Redacted.value(secret)).pipe(
          Effect.map(grantTo),
          Effect.catchTags({
            InvalidToken: ({ reason }) => Effect.succeed(Either.left(reason)),
            KeysUnavailable: () => Effect.succeed(Either.left("credentials cannot be checked now"))
          })
        ),
      ended: (names) =>
        Effect.gen(function* () {
          const holders = new Map([...names].map((name) => [name, Holder.parse(name)]))
          const keyIds = [...new Set([...holders.values()].flatMap((holder) => holder?.keyId ?? []))]
          const alive =
            keyIds.length === 0 ? new Set<number>() : yield* Effect.option(apiKeys.alive(keyIds)).pipe(Effect.map(Option.getOrUndefined))
          const isEnded = isStale(alive)
          return new Set([...holders].filter(([, holder]) => isEnded(holder)).map(([name]) => name))
        }),
      ownerOf: (name) => Holder.parse(name)?.owner
    }
    yield* Callout.serve(admission, { soon: Effect.zipLeft(changed.await, changed.close), pageMax })
  })
)
