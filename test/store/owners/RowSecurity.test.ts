import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Migrations from "../../../src/store/Migrations.ts"
import * as Caller from "../../../src/store/owners/Caller.ts"
import { migratedDatabase } from "../../TestBackends.ts"
import { pool } from "../Stores.ts"
import { ann, bob, callerOf, ownedTables, putRows } from "./OwnedRows.ts"

/** Everybody reads the rows of these, and a caller changes only its own. */
const readByAll = ["subscriptions", "subscription_windows", "backfills", "backfill_instruments"]
/** The row of an instrument is shared: everybody may subscribe it again. */
const changedByAll = ["subscriptions"]

const filled = Layer.unwrapScoped(
  Effect.map(migratedDatabase, (url) =>
    Layer.effectDiscard(Effect.zipRight(Migrations.up, Effect.zipRight(putRows(ann), putRows(bob)))).pipe(Layer.provideMerge(pool(url)))
  )
)

const codeOf = ({ cause }: SqlError): unknown => (cause as { readonly code?: unknown }).code
const refused = "42501"

/** The rows that a statement concerned, or the code of its refusal. The statement is undone. */
const outcome = (statement: string, params: ReadonlyArray<unknown> = []) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const undo = Symbol()
    let rows = 0
    const run = Effect.flatMap(sql.unsafe(statement, params as Array<never>), (found) => {
      rows = found.length
      return Effect.fail(undo)
    })
    return yield* sql.withTransaction(run).pipe(
      Effect.catchAll((error) => Effect.succeed(error === undo ? rows : codeOf(error as SqlError))),
      Effect.map((found) => found as unknown)
    )
  })

const may = (table: string, verb: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(
      sql<{ readonly may: boolean }>`SELECT has_table_privilege(${Caller.role}, ${table}, ${verb}) AS may`,
      ([row]) => row?.may === true
    )
  )

/** The columns that a statement may write. */
const columnsOf = (table: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(
      sql<{
        readonly name: string
        readonly identity: string
      }>`SELECT attname::text AS name, attidentity::text AS identity FROM pg_attribute
        WHERE attrelid = ${table}::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
      (rows) => rows
    )
  )

const forCaller = (who: Caller.Caller, statement: string, params: ReadonlyArray<unknown> = []) => Caller.as(who)(outcome(statement, params))

layer(filled, { excludeTestServices: true })("row security", (it) => {
  it.effect("every table with a user's rows, directly or by a foreign key, forces row security and has its policies", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const secured = yield* sql<{ readonly name: string }>`SELECT relname::text AS name FROM pg_class c
        WHERE relnamespace = 'public'::regnamespace AND relrowsecurity AND relforcerowsecurity
          AND EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = c.oid AND polname = 'platform' AND polroles = '{pg_database_owner}'::regrole[]::oid[])
          AND EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = c.oid AND polname = 'caller' AND polroles = ARRAY[${Caller.role}::regrole]::oid[])
        ORDER BY 1`
      const owned = yield* ownedTables
      assert.deepStrictEqual(
        secured.map(({ name }) => name),
        owned
      )
      assert.strictEqual(owned.length, 37)
    })
  )

  it.effect("a new table with a user's rows is found, also one that only has a foreign key", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const before = yield* ownedTables
      yield* sql.unsafe(`CREATE TABLE drafts (draft_id int PRIMARY KEY, owner text NOT NULL);
        CREATE TABLE draft_lines (draft_id int REFERENCES drafts, line int)`)
      assert.sameMembers([...(yield* ownedTables)], [...before, "drafts", "draft_lines"])
      yield* sql.unsafe("DROP TABLE draft_lines, drafts")
    })
  )

  it.effect("the callers' role has no right on tables of the platform's own", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* sql<{ readonly name: string }>`SELECT relname::text AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT has_table_privilege(${Caller.role}, oid, 'SELECT, INSERT, UPDATE, DELETE')
        ORDER BY 1`
      assert.deepStrictEqual(
        rows.map(({ name }) => name),
        ["alert_places", "schema_migrations"]
      )
    })
  )

  it.effect("without a user, no table shows a row, and none takes one", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      for (const table of yield* ownedTables) {
        const all = yield* sql<{ readonly row: string }>`SELECT to_jsonb(t)::text AS row FROM ${sql(table)} t`
        assert.isAtLeast(all.length, 2, table)
        if ((yield* may(table, "SELECT")) && !readByAll.includes(table))
          assert.strictEqual(yield* forCaller(Caller.nobody, `SELECT * FROM ${table}`), 0, table)
        const columns = (yield* columnsOf(table)).map(({ name }) => name).join(", ")
        const again = `INSERT INTO ${table} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM jsonb_populate_record(null::${table}, $1::jsonb)`
        assert.strictEqual(yield* forCaller(Caller.nobody, again, [all[0]?.row]), refused, table)
      }
    })
  )

  it.effect("a caller sees, changes and deletes nothing of another user, also without a WHERE", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const me = callerOf(ann)
      for (const table of yield* ownedTables) {
        const total = (yield* sql`SELECT 1 FROM ${sql(table)}`).length
        assert.strictEqual(total, 2, table)
        const seen = readByAll.includes(table) ? 2 : 1
        assert.strictEqual(yield* forCaller(me, `SELECT * FROM ${table}`), (yield* may(table, "SELECT")) ? seen : refused, table)
        const column = (yield* columnsOf(table)).find(({ identity }) => identity !== "a")?.name
        const changed = changedByAll.includes(table) ? 2 : 1
        const isChanged = yield* may(table, "UPDATE")
        const change = `UPDATE ${table} SET ${column} = ${column} RETURNING 1`
        assert.strictEqual(yield* forCaller(me, change), isChanged ? changed : refused, `${table}: update`)
        const isDeleted = yield* may(table, "DELETE")
        assert.strictEqual(yield* forCaller(me, `DELETE FROM ${table} RETURNING 1`), isDeleted ? 1 : refused, `${table}: delete`)
      }
    })
  )

  it.effect("a caller makes no row of another user, and gives none away", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const me = callerOf(ann)
      for (const table of yield* ownedTables) {
        const columns = (yield* columnsOf(table)).map(({ name }) => name)
        const [others] = yield* Caller.as(callerOf(bob))(
          sql<{ readonly row: string }>`SELECT to_jsonb(t)::text AS row FROM ${sql(table)} t`
        ).pipe(Effect.orElseSucceed(() => []))
        const all = yield* sql<{ readonly row: string }>`SELECT to_jsonb(t)::text AS row FROM ${sql(table)} t`
        const row = readByAll.includes(table) ? all[1]?.row : (others?.row ?? all[1]?.row)
        const list = columns.join(", ")
        const insert = `INSERT INTO ${table} (${list}) OVERRIDING SYSTEM VALUE SELECT ${list} FROM jsonb_populate_record(null::${table}, $1::jsonb)`
        assert.strictEqual(yield* forCaller(me, insert, [row]), refused, table)
        for (const column of ["owner", "created_by", "account_id", "scope"].filter((one) => columns.includes(one))) {
          if (table === "subscriptions") continue
          const other = column === "owner" || column === "created_by" ? bob.owner : bob.account
          // An order of an account belongs to all its owners, and a linked account also to its owner.
          const stays = (table === "order_tasks" && column === "owner") || table === "accounts"
          const isRefused = (yield* may(table, "UPDATE")) ? !stays : true
          const result = yield* forCaller(me, `UPDATE ${table} SET ${column} = $1 RETURNING 1`, [other])
          if (isRefused) assert.strictEqual(result, refused, `${table}.${column}`)
        }
      }
    })
  )

  it.effect("a statement of the platform sees the rows of all users", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const inside = Caller.as(callerOf(ann))(Caller.asPlatform(sql`SELECT owner FROM strategies ORDER BY 1`))
      assert.deepStrictEqual(yield* inside, [{ owner: "ann" }, { owner: "bob" }])
    })
  )

  it.effect("the stop of all accounts is seen by every caller, and only an administrator's accounts hold it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const put = `INSERT INTO order_stops (scope, reason, stopped_by) VALUES ('*', 'r', 'admin')`
      assert.strictEqual(yield* forCaller(callerOf(ann), put), refused)
      yield* Caller.as({ owner: "admin", accounts: () => ["A1", "B1", "*"] })(sql.unsafe(put))
      assert.strictEqual(yield* forCaller(callerOf(ann), "SELECT 1 FROM order_stops WHERE scope = '*'"), 1)
      assert.strictEqual(yield* forCaller(callerOf(ann), "DELETE FROM order_stops WHERE scope = '*' RETURNING 1"), 0)
      yield* sql`DELETE FROM order_stops WHERE scope = '*'`
    })
  )
})
