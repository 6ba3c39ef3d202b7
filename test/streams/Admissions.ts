import { ConfigProvider, Effect, Either, Exit, Redacted, Scope } from "effect"
import { connect } from "nats"
import * as Callout from "../../src/streams/callout/Callout.ts"
import * as SubjectRights from "../../src/streams/callout/SubjectRights.ts"
import { Server, until } from "./Nats.ts"

/** Admits owners by their name: the password of `u1` is `of u1`. Ends the connections of those in `ended`. */
export const admissionByName = (ended: ReadonlySet<string> = new Set(), lifeMs = 3_600_000): Callout.Admission => ({
  admit: (secret) =>
    Effect.sync(() => {
      const [, owner] = /^of (\S+)$/.exec(Redacted.value(secret)) ?? []
      if (owner === undefined) return Either.left("unknown")
      const filters = SubjectRights.filtersOf({ owner, accountIds: [`account-of-${owner}`], mayRead: () => true })
      return Either.right({ name: owner, owner, filters, expiresAtMs: Date.now() + lifeMs })
    }),
  ended: (names) => Effect.sync(() => new Set([...names].filter((name) => ended.has(name)))),
  ownerOf: (name) => name
})

/** Answers the logins of owners until it is closed, like a gateway. */
export const answerLogins = (
  admission: Callout.Admission,
  looks: Partial<Callout.Looks> = {},
  config: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    const server = yield* Server
    const { password, seed } = server.callout
    const settings = { NATS_URL: server.url, NATS_CALLOUT_PASSWORD: password, NATS_CALLOUT_SEED: seed, ...config }
    const scope = yield* Effect.acquireRelease(Scope.make(), (it) => Scope.close(it, Exit.void))
    yield* Callout.serve(admission, { soon: Effect.never, pageMax: 1_024, ...looks }).pipe(
      Scope.extend(scope),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(settings))))
    )
    return { close: Scope.close(scope, Exit.void) }
  })

/** A connection of an owner, as soon as logins are answered. */
export const connectOwner = (owner: string) =>
  Effect.gen(function* () {
    const { url } = yield* Server
    // The server lets a login wait while nobody answers it.
    const timeout = 10_000
    const attempt = () =>
      connect({ timeout, servers: url, user: owner, pass: `of ${owner}`, noAsyncTraces: true, reconnectTimeWait: 20 }).then(
        (nc) => nc,
        () => undefined
      )
    let found: Awaited<ReturnType<typeof attempt>>
    yield* until(`${owner} is connected`, () =>
      Effect.map(Effect.promise(attempt), (nc) => {
        found = nc
        return nc !== undefined
      })
    )
    if (found === undefined) return yield* Effect.dieMessage("not connected")
    const nc = found
    yield* Effect.addFinalizer(() => Effect.promise(() => nc.close()))
    return nc
  })
