import { Config, Effect, Layer } from "effect"
import { Authentication } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { UdfAccess } from "../../contract/udf/UdfApi.ts"

const refusedInUdf = <A, R>(access: Effect.Effect<A, Problem.Unauthorized, R>) =>
  Effect.asVoid(Effect.mapError(access, ({ detail }) => new Problem.UdfUnauthorized({ detail })))

export const UdfAccessLive = Layer.effect(
  UdfAccess,
  Effect.gen(function* () {
    const { bearer, apiKey } = yield* Authentication
    const isPublic = yield* Config.boolean("UDF_PUBLIC").pipe(Config.withDefault(false))
    return isPublic
      ? UdfAccess.of({ bearer: () => Effect.void, apiKey: () => Effect.void })
      : UdfAccess.of({ bearer: (token) => refusedInUdf(bearer(token)), apiKey: (key) => refusedInUdf(apiKey(key)) })
  })
)
