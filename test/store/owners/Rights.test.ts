import { mkdtemp } from "node:fs/promises"
import { join } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option } from "effect"
import { inject } from "vitest"
import { postgres } from "../../../scripts/lib/backends.mjs"
import * as Migrations from "../../../src/store/Migrations.ts"
import * as Caller from "../../../src/store/owners/Caller.ts"
import { pool } from "../Stores.ts"
import { asUser, at } from "./OrdinaryUser.ts"
import { ann, bob, callerOf, putRows } from "./OwnedRows.ts"

/** A server that no other test uses, because roles belong to the whole server. */
const server = Effect.acquireRelease(
  Effect.promise(async () => postgres(await mkdtemp(join(inject("backends").folder, "postgres-")), { durable: false })),
  (one) => Effect.promise(() => one.stop().then(one.remove))
)

/** A start of the program: its message if it fails. */
const started = (url: string) =>
  Effect.map(Effect.exit(Effect.scoped(Layer.build(Migrations.Migrated.pipe(Layer.provide(pool(url)))))), (exit) =>
    Exit.isSuccess(exit) ? "started" : Option.match(Cause.failureOption(exit.cause), { onNone: () => "", onSome: ({ message }) => message })
  )

const owners = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(sql<{ readonly owner: string }>`SELECT owner FROM strategies ORDER BY 1`, (rows) => rows.map(({ owner }) => owner))
)

it.live(
  "an ordinary user owns its database and may become the callers' role; a start without these rights says what to run",
  () =>
    Effect.gen(function* () {
      const { url: admin } = yield* server
      const database = (name: string, owner?: string) =>
        Effect.gen(function* () {
          yield* at(admin, `CREATE DATABASE ${name}${owner === undefined ? "" : ` OWNER ${owner}`}`)
          const url = new URL(admin)
          url.pathname = `/${name}`
          return url.href
        })
      const password = "a-password"
      yield* at(admin, `CREATE ROLE plain LOGIN PASSWORD '${password}'; CREATE ROLE maker LOGIN CREATEROLE PASSWORD '${password}'`)
      const plain = { name: "plain", password }

      // Nobody has made the role yet.
      const first = asUser(yield* database("first", "plain"), plain)
      const none = yield* started(first)
      assert.include(none, "33 (row security)")
      assert.include(none, "the user plain may not make the role tarang_rows")
      assert.include(none, "CREATE ROLE tarang_rows NOLOGIN; GRANT tarang_rows TO plain")

      // A user with CREATEROLE makes it alone, and the platform sees all rows and a caller its own.
      const made = asUser(yield* database("made", "maker"), { name: "maker", password })
      assert.strictEqual(yield* started(made), "started")
      const rows = Effect.gen(function* () {
        yield* putRows(ann)
        yield* putRows(bob)
        assert.deepStrictEqual(yield* owners, ["ann", "bob"])
        assert.deepStrictEqual(yield* Caller.as(callerOf(bob))(owners), ["bob"])
        assert.deepStrictEqual(yield* Caller.as(Caller.nobody)(owners), [])
        yield* Migrations.down(32)
        yield* Migrations.up
        assert.deepStrictEqual(yield* owners, ["ann", "bob"])
        assert.deepStrictEqual(yield* Caller.as(callerOf(ann))(owners), ["ann"])
      })
      yield* Effect.provide(rows, pool(made))

      // The role exists, and this user may not become it.
      assert.include(yield* started(first), "the user plain may not become the role tarang_rows")
      yield* at(admin, "GRANT tarang_rows TO plain")
      assert.strictEqual(yield* started(first), "started")
      yield* at(admin, "REVOKE tarang_rows FROM plain")
      const revoked = yield* started(first)
      assert.include(revoked, "may not become the role tarang_rows")
      assert.include(revoked, 'GRANT tarang_rows TO "plain"')
      yield* at(admin, "GRANT tarang_rows TO plain")

      // A user that does not own its database would see no rows.
      const lent = yield* database("lent")
      yield* at(lent, "GRANT ALL ON SCHEMA public TO plain; GRANT ALL ON DATABASE lent TO plain")
      const other = yield* started(asUser(lent, plain))
      assert.include(other, "the user plain of DATABASE_URL does not own the database lent")
      assert.include(other, 'ALTER DATABASE "lent" OWNER TO "plain"')
      yield* at(lent, "ALTER DATABASE lent OWNER TO plain")
      assert.strictEqual(yield* started(asUser(lent, plain)), "started")

      // A role that sees all rows protects nothing.
      yield* at(admin, "ALTER ROLE tarang_rows BYPASSRLS")
      assert.include(yield* started(first), "the role tarang_rows sees all rows")
      yield* at(admin, "ALTER ROLE tarang_rows NOBYPASSRLS")

      // Several databases of a server without the role, each with two processes, begin at the same time.
      for (const name of ["first", "made", "lent"]) yield* at(admin, `DROP DATABASE ${name} WITH (FORCE)`)
      yield* at(admin, "DROP ROLE tarang_rows")
      const many = yield* Effect.forEach(["one", "two", "three"], (name) => database(name))
      const results = yield* Effect.forEach([...many, ...many], started, { concurrency: "unbounded" })
      assert.deepStrictEqual(new Set(results), new Set(["started"]))
    }).pipe(Effect.scoped),
  { timeout: 240_000 }
)
