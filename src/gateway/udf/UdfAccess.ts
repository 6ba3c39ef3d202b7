import { Config, Effect, Layer } from "effect"
import { Authentication, type User } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { UdfAccess, UdfCaller } from "../../contract/udf/UdfApi.ts"
import * as Caller from "../../store/owners/Caller.ts"

const refusedInUdf = <R>(access: Effect.Effect<User, Problem.Unauthorized, R>) =>
  Effect.mapBoth(access, {
    onSuccess: (user) => UdfCaller.of({ user }),
    onFailure: ({ detail }) => new Problem.UdfUnauthorized({ detail })
  })
const nobody = Effect.as(Caller.begin(Caller.nobody), UdfCaller.of({ user: null }))

export const UdfAccessLive = Layer.effect(
  UdfAccess,
  Effect.gen(function* () {
    const { bearer, apiKey } = yield* Authentication
    const isPublic = yield* Config.boolean("UDF_PUBLIC").pipe(Config.withDefault(false))
    return UdfAccess.of({
      bearer: (token) => refusedInUdf(bearer(token)),
      // This scheme is tried last, so a caller without valid credentials gets here and is anonymous.
      apiKey: (key) => (isPublic ? Effect.orElse(refusedInUdf(apiKey(key)), () => nobody) : refusedInUdf(apiKey(key)))
    })
  })
)
