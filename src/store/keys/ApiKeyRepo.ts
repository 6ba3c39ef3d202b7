import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Data, Effect, Option, Schema } from "effect"
import { Role } from "../../domain/access/Access.ts"
import { isIdentity } from "../../domain/Ids.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import { LimitReached } from "../LimitReached.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"

/** The most keys of one user that are neither expired nor revoked. */
export const perUserMax = 50

/**
 * Each look begins this many seconds before the time of the previous look. It is longer than any transaction, because an end carries the
 * start time of its transaction.
 */
const lookBackSeconds = 60

/** The key was revoked or has expired, so nothing can replace it. */
export class KeyInactive extends Data.TaggedError("KeyInactive") {}

/** The values that the gateway makes for a new key. */
export interface Secret {
  readonly publicId: string
  readonly salt: string
  readonly hash: string
}
export interface NewKey extends Secret {
  readonly name: string
  readonly role: Role
  readonly scopes: ReadonlyArray<string>
  readonly lifeSeconds: number
}

const Row = Schema.Struct({
  keyId: BigIntColumn,
  publicId: Schema.String,
  owner: Schema.String,
  name: Schema.String,
  role: Role,
  scopes: Schema.Array(Schema.String),
  salt: Schema.String,
  hash: Schema.String,
  createdAt: TimeColumn,
  expiresAt: TimeColumn,
  revokedAt: Schema.NullOr(TimeColumn),
  replacedBy: Schema.NullOr(BigIntColumn),
  lastUsedAt: Schema.NullOr(TimeColumn)
})
const Count = Schema.Struct({ total: BigIntColumn })
/** Ended keys, and the database's time of the look. */
const Ends = Schema.Struct({ at: TimeColumn, keyIds: Schema.Array(BigIntColumn) })
const OfOwner = Schema.Struct({ owner: Schema.String, id: Schema.Int })

const statements = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(
    `key_id AS "keyId", public_id AS "publicId", owner, name, role, scopes, salt, hash, created_at AS "createdAt", expires_at AS "expiresAt",
      revoked_at AS "revokedAt", replaced_by AS "replacedBy", last_used_at AS "lastUsedAt"`
  )
  const isAlive = sql.literal("revoked_at IS NULL AND expires_at > now()")
  const insert = SqlSchema.single({
    Request: Schema.Struct({ owner: Schema.String, key: Schema.Any }),
    Result: Row,
    execute: ({ owner, key }) => sql`INSERT INTO api_keys (public_id, owner, name, role, scopes, salt, hash, expires_at)
      VALUES (${key.publicId}, ${owner}, ${key.name}, ${key.role}, ${key.scopes}::text[], ${key.salt}, ${key.hash},
        now() + make_interval(secs => ${key.lifeSeconds}))
      RETURNING ${columns}`
  })
  const locked = SqlSchema.findOne({
    Request: OfOwner,
    Result: Row,
    execute: ({ owner, id }) => sql`SELECT ${columns} FROM api_keys WHERE owner = ${owner} AND key_id = ${id} FOR UPDATE`
  })
  const alive = SqlSchema.single({
    Request: Schema.String,
    Result: Count,
    execute: (owner) => sql`SELECT count(*) AS total FROM api_keys WHERE owner = ${owner} AND ${isAlive}`
  })
  const count = SqlSchema.single({
    Request: Schema.String,
    Result: Count,
    execute: (owner) => sql`SELECT count(*) AS total FROM api_keys WHERE owner = ${owner}`
  })
  const one = SqlSchema.findOne({
    Request: OfOwner,
    Result: Row,
    execute: ({ owner, id }) => sql`SELECT ${columns} FROM api_keys WHERE owner = ${owner} AND key_id = ${id}`
  })
  const byPublicId = SqlSchema.findOne({
    Request: Schema.String,
    Result: Row,
    execute: (publicId) => sql`SELECT ${columns} FROM api_keys WHERE public_id = ${publicId}`
  })
  const page = SqlSchema.findAll({
    Request: Schema.Struct({ owner: Schema.String, limit: Schema.Int, offset: Schema.Int }),
    Result: Row,
    execute: ({ owner, limit, offset }) =>
      sql`SELECT ${columns} FROM api_keys WHERE owner = ${owner} ORDER BY key_id LIMIT ${limit} OFFSET ${offset}`
  })
  const revoke = SqlSchema.findOne({
    Request: OfOwner,
    Result: Row,
    execute: ({ owner, id }) => sql`UPDATE api_keys SET revoked_at = coalesce(revoked_at, now())
      WHERE owner = ${owner} AND key_id = ${id} RETURNING ${columns}`
  })
  const ids = SqlSchema.findAll({
    Request: Schema.Array(Schema.Int),
    Result: Schema.Struct({ keyId: BigIntColumn }),
    execute: (ids) => sql`SELECT key_id AS "keyId" FROM api_keys WHERE key_id = ANY(${ids}::bigint[]) AND ${isAlive}`
  })
  const endedSince = SqlSchema.single({
    Request: Schema.NullOr(Schema.String),
    Result: Ends,
    execute: (at) => sql`SELECT now() AS at, coalesce(array_agg(key_id), '{}'::bigint[]) AS "keyIds"
      FROM api_keys, (SELECT coalesce(${at}::timestamptz, now()) - make_interval(secs => ${lookBackSeconds}) AS since) AS look
      WHERE revoked_at > since OR (expires_at > since AND expires_at <= now())`
  })
  return { insert, locked, alive, count, one, byPublicId, page, revoke, ids, isAlive, endedSince }
}

/** Keys of programs, by owner, and by the public part of their text for the check of a request. */
export class ApiKeyRepo extends Effect.Service<ApiKeyRepo>()("store/keys/ApiKeyRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { alive, byPublicId, count, endedSince, ids, insert, locked, one, page, revoke } = statements(sql)

    const add = (owner: string, key: NewKey) =>
      Effect.gen(function* () {
        // Two requests of one user at once would both see room for the last key.
        yield* sql`SELECT pg_advisory_xact_lock(hashtextextended(${owner}, 26))`
        if ((yield* alive(owner)).total >= perUserMax) return yield* new LimitReached({ what: "keys", field: "name", max: perUserMax })
        return yield* insert({ owner, key })
      })
    const rotate = (owner: string, id: number, secret: Secret, overlapSeconds: number) =>
      Effect.gen(function* () {
        const old = yield* locked({ owner, id })
        if (Option.isNone(old)) return Option.none<typeof Row.Type>()
        const { createdAt, expiresAt, name, revokedAt, role, scopes } = old.value
        if (revokedAt !== null || expiresAt.getTime() <= Date.parse(yield* now)) return yield* new KeyInactive()
        const lifeSeconds = Math.max(1, Math.round((expiresAt.getTime() - createdAt.getTime()) / 1_000))
        const fresh = yield* insert({ owner, key: { ...secret, name, role, scopes, lifeSeconds } })
        yield* sql`UPDATE api_keys SET replaced_by = ${fresh.keyId},
          expires_at = least(expires_at, now() + make_interval(secs => ${overlapSeconds})) WHERE key_id = ${id}`
        return Option.some(fresh)
      })
    /** The database's clock, by which keys expire. */
    const now = Effect.map(sql<{ now: Date }>`SELECT now() AS now`, ([row]) => (row?.now ?? new Date(0)).toISOString())

    return {
      create: (owner: string, key: NewKey) =>
        StoreError.guard(add(owner, key).pipe(Postgres.transaction(sql))).pipe(Effect.withSpan("ApiKeyRepo.create")),
      /** By id. */
      list: (owner: string, query: { readonly limit: number; readonly offset: number }) =>
        Effect.all({ rows: page({ owner, ...query }), total: Effect.map(count(owner), ({ total }) => total) }).pipe(
          StoreError.guardRead,
          Effect.withSpan("ApiKeyRepo.list")
        ),
      byId: (owner: string, id: number) =>
        StoreError.guardRead(isIdentity(id) ? one({ owner, id }) : Effect.succeedNone).pipe(Effect.withSpan("ApiKeyRepo.byId")),
      /** Revokes a key for ever. For an ended key it changes nothing. */
      revoke: (owner: string, id: number) =>
        StoreError.guardRead(isIdentity(id) ? revoke({ owner, id }) : Effect.succeedNone).pipe(Effect.withSpan("ApiKeyRepo.revoke")),
      /** A new key like the old one, which ends after the overlap. Fails with KeyInactive if the old one has ended. */
      rotate: (owner: string, id: number, secret: Secret, overlapSeconds: number) =>
        StoreError.guard(
          isIdentity(id) ? rotate(owner, id, secret, overlapSeconds).pipe(Postgres.transaction(sql)) : Effect.succeedNone
        ).pipe(Effect.withSpan("ApiKeyRepo.rotate")),
      byPublicId: (publicId: string) => StoreError.guardRead(byPublicId(publicId)).pipe(Effect.withSpan("ApiKeyRepo.byPublicId")),
      /** Which of these keys are neither expired nor revoked. */
      alive: (keyIds: ReadonlyArray<number>) =>
        StoreError.guardRead(Effect.map(ids(keyIds), (rows) => new Set(rows.map(({ keyId }) => keyId)))).pipe(
          Effect.withSpan("ApiKeyRepo.alive")
        ),
      /** The keys that were revoked or expired since a time of the database and in the minute before it, or only within the last minute. */
      endedSince: (at: Date | undefined) =>
        StoreError.guardRead(endedSince(at?.toISOString() ?? null)).pipe(Effect.withSpan("ApiKeyRepo.endedSince")),
      /** Notes the use of a key, at most once a minute. */
      used: (keyId: number) =>
        StoreError.guardRead(sql`UPDATE api_keys SET last_used_at = now()
          WHERE key_id = ${keyId} AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`).pipe(
          Effect.asVoid,
          Effect.withSpan("ApiKeyRepo.used")
        )
    } as const
  })
}) {}
export declare namespace ApiKeyRepo {
  export type Key = typeof Row.Type
  export type Ends = typeof Ends.Type
}
