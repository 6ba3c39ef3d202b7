import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Clock, Effect, Option, Redacted } from "effect"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as Access from "../../domain/access/Access.ts"
import { ApiKeyRepo } from "../../store/keys/ApiKeyRepo.ts"
import { Changes } from "../shared/Changes.ts"
import { foundOption, notFound } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import * as KeyText from "./KeyText.ts"

const daySeconds = 86_400

/** The groups that a scope may name: those of the contract's paths, and the WebSocket of ticks. */
const groups: ReadonlySet<string> = new Set([
  "*",
  "ticks",
  ...Object.values(Api.groups).flatMap(({ endpoints }) =>
    Object.values(endpoints).map(({ path }: { readonly path: string }) => Access.groupOf(path))
  )
])

const viewOf = (row: ApiKeyRepo.Key, nowMs: number) => ({
  key_id: row.keyId,
  name: row.name,
  prefix: KeyText.prefixOf(row.publicId),
  role: row.role,
  scopes: row.scopes,
  status: row.revokedAt !== null ? ("revoked" as const) : row.expiresAt.getTime() <= nowMs ? ("expired" as const) : ("active" as const),
  created_at: row.createdAt.toISOString(),
  expires_at: row.expiresAt.toISOString(),
  revoked_at: row.revokedAt?.toISOString() ?? null,
  replaced_by: row.replacedBy,
  last_used_at: row.lastUsedAt?.toISOString() ?? null
})
const view = (row: ApiKeyRepo.Key) => Effect.map(Clock.currentTimeMillis, (nowMs) => viewOf(row, nowMs))

/** The role of a new key: the requested one; by default trader, or the caller's own role if it is lower. No key may do more than its creator. */
const roleFor = (own: Access.Role, asked: Access.Role | undefined): Access.Role | undefined => {
  const role = asked ?? (Access.isAtMost(own, "trader") ? own : "trader")
  return Access.isAtMost(role, own) ? role : undefined
}

export const ApiKeysHttp = HttpApiBuilder.group(
  Api,
  "apiKeys",
  Effect.fnUntraced(function* (handlers) {
    const repo = yield* ApiKeyRepo
    const changes = yield* Changes

    return handlers
      .handle("list", ({ urlParams }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { rows, total } = yield* orProblem(repo.list(user.id, urlParams))
          return { keys: yield* Effect.forEach(rows, view), total, ...urlParams }
        })
      )
      .handle("create", ({ payload: { name, scopes, role: asked, expires_in_days } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const role = roleFor(user.role, asked)
          if (role === undefined) return yield* Problem.invalidField("role", `a key may do no more than its maker, who is ${user.role}`)
          const unknown = scopes.findIndex((scope) => !groups.has(Access.scopeGroup(scope)))
          if (unknown >= 0)
            return yield* Problem.invalidField(`scopes.${unknown}`, `no such group: expected one of ${[...groups].sort().join(", ")}`)
          const { stored, text } = yield* KeyText.make
          const lifeSeconds = expires_in_days * daySeconds
          const row = yield* orProblem(repo.create(user.id, { ...stored, name, role, scopes: [...new Set(scopes)], lifeSeconds }))
          return { ...(yield* view(row)), key: Redacted.value(text) }
        })
      )
      .handle("get", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          return yield* view(yield* Effect.flatMap(orProblem(repo.byId(user.id, path.id)), foundOption("API key")))
        })
      )
      .handle("revoke", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const row = yield* Effect.flatMap(orProblem(repo.revoke(user.id, path.id)), foundOption("API key"))
          yield* changes.poke("keys")
          return yield* view(row)
        })
      )
      .handle("rotate", ({ path, payload: { overlap_s } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          if (Option.isNone(yield* orProblem(repo.byId(user.id, path.id)))) return yield* notFound("API key")
          const { stored, text } = yield* KeyText.make
          const row = yield* orProblem(repo.rotate(user.id, path.id, stored, overlap_s)).pipe(
            Effect.catchTag(
              "KeyInactive",
              () => new Problem.Conflict({ detail: "The API key is revoked or has expired: create a new one" })
            ),
            Effect.flatMap(foundOption("API key"))
          )
          yield* changes.poke("keys")
          return { ...(yield* view(row)), key: Redacted.value(text) }
        })
      )
  })
)
