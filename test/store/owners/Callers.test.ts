import { randomBytes } from "node:crypto"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Stream } from "effect"
import * as Migrations from "../../../src/store/Migrations.ts"
import * as Caller from "../../../src/store/owners/Caller.ts"
import * as Prepared from "../../../src/store/owners/Prepared.ts"
import * as Postgres from "../../../src/store/Postgres.ts"
import * as StoreError from "../../../src/store/StoreError.ts"
import { seeded } from "../../Proxy.ts"
import { migratedDatabase } from "../../TestBackends.ts"
import { pool } from "../Stores.ts"
import { ann, bob, callerOf, putRows } from "./OwnedRows.ts"

const prepared = Layer.unwrapScoped(
  Effect.map(migratedDatabase, (url) =>
    Layer.effectDiscard(Effect.zipRight(Migrations.up, Effect.zipRight(putRows(ann), putRows(bob)))).pipe(Layer.provideMerge(pool(url)))
  )
)
/** With a pool of so many connections. */
const withPool = <A, E>(connections: number, body: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.gen(function* () {
    const url = yield* migratedDatabase
    yield* Effect.provide(Effect.zipRight(Migrations.up, Effect.zipRight(putRows(ann), putRows(bob))), pool(url))
    return yield* Effect.provide(body, pool(url, { DATABASE_POOL_MAX: String(connections) }))
  }).pipe(Effect.scoped)

const owners = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(sql<{ readonly owner: string }>`SELECT owner FROM strategies ORDER BY owner`, (rows) => rows.map(({ owner }) => owner))
)
/** The caller's settings that remain on a connection. */
const left = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(
    sql<{ readonly role: string; readonly owner: string | null; readonly accounts: string | null; readonly isSelf: boolean }>`
      SELECT current_setting('role') AS role, current_setting('tarang.owner', true) AS owner,
        current_setting('tarang.accounts', true) AS accounts, current_user = session_user AS "isSelf"`,
    ([row]) => ({ ...row, owner: row?.owner ?? "", accounts: row?.accounts ?? "" })
  )
)
const nothing = { role: "none", owner: "", accounts: "", isSelf: true }

const users = [ann, bob] as const
const seed = randomBytes(4).readUInt32LE()

/**
 * One step of a user, with its random choice: a read, a write, a failure, or an interruption, in a transaction or not. An interruption needs a
 * second connection, which asks Postgres to stop the first one.
 */
const step = (random: () => number, one: Effect.Semaphore | undefined) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const who = users[Math.floor(random() * users.length)] ?? ann
    const other = who === ann ? bob : ann
    const kind = Math.floor(random() * 7)
    const isOwn = Effect.map(random() < 0.5 ? owners : Prepared.kept(owners), (seen) => assert.deepStrictEqual(seen, [who.owner]))
    const change = Effect.map(sql`UPDATE strategies SET description = ${who.owner} RETURNING owner`, (rows) =>
      assert.deepStrictEqual(rows, [{ owner: who.owner }])
    )
    const fails = Effect.map(Effect.exit(sql`SELECT 1 / (count(*) - 1) FROM strategies`), (exit) => assert.isTrue(Exit.isFailure(exit)))
    const theft = Effect.map(Effect.exit(sql`INSERT INTO strategies (owner, name) VALUES (${other.owner}, 'stolen')`), (exit) =>
      assert.isTrue(Exit.isFailure(exit))
    )
    const interrupted = Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const sleeping = yield* Effect.fork(
        Postgres.transaction(sql)(Effect.zipRight(isOwn, Effect.zipRight(Deferred.succeed(begun, undefined), sql`SELECT pg_sleep(60)`)))
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(sleeping)
    }).pipe((self) => (one === undefined ? isOwn : one.withPermits(1)(self)))
    const undone = Effect.exit(Postgres.transaction(sql)(Effect.zipRight(change, Effect.fail("undo"))))
    const steps = [isOwn, change, fails, theft, interrupted, undone, Postgres.transaction(sql)(Effect.all([isOwn, change, isOwn]))]
    yield* Caller.as(callerOf(who))(steps[kind] ?? isOwn)
  })

describe("callers of one pool", () => {
  for (const connections of [1, 2]) {
    it.live(
      `interleaved callers over ${connections} connections see only their own rows, also after failures and interruptions (seed ${seed})`,
      () =>
        withPool(
          connections,
          Effect.gen(function* () {
            const random = seeded(seed)
            const one = connections === 1 ? undefined : yield* Effect.makeSemaphore(1)
            const steps = Array.from({ length: 120 }, (_, at) =>
              at % 5 === 0 ? Effect.map(left, (found) => assert.deepStrictEqual(found, nothing)) : step(random, one)
            )
            yield* Effect.all(steps, { concurrency: 6, discard: true })
            assert.deepStrictEqual(yield* owners, ["ann", "bob"])
            for (let at = 0; at < 4; at++) assert.deepStrictEqual(yield* left, nothing)
          })
        ),
      { timeout: 120_000 }
    )
  }

  it.live("a statement that is interrupted while it waits for a connection takes none away", () =>
    withPool(
      1,
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const waiting = Effect.gen(function* () {
          const fibers = yield* Effect.forEach([Caller.as(callerOf(ann)), Caller.asPlatform], (as) => Effect.fork(as(owners)))
          // A fiber that has not begun would be interrupted before it waits.
          yield* Effect.repeatN(Effect.yieldNow(), 100)
          for (const fiber of fibers) assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
        })
        yield* Effect.scoped(Effect.zipRight(sql.reserve, waiting))
        assert.deepStrictEqual(yield* owners, ["ann", "bob"])
        assert.deepStrictEqual(yield* Caller.as(callerOf(ann))(owners), ["ann"])
      })
    )
  )

  it.live("a connection that is returned inside of a caller's transaction is closed, and nobody works in this transaction", () =>
    withPool(
      1,
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const before = yield* sql<{ readonly pid: number }>`SELECT pg_backend_pid() AS pid`
        yield* Caller.as(callerOf(ann))(
          Effect.scoped(
            Effect.gen(function* () {
              const connection = yield* sql.reserve
              yield* connection.executeUnprepared("BEGIN", [], undefined)
              assert.strictEqual((yield* connection.execute("SELECT 1 FROM strategies", [], undefined)).length, 1)
            })
          )
        )
        const after = yield* sql<{ readonly pid: number }>`SELECT pg_backend_pid() AS pid`
        assert.notDeepEqual(after, before)
        assert.deepStrictEqual(yield* owners, ["ann", "bob"])
      })
    )
  )

  it.live("a transaction belongs to one caller: a statement for the platform or for another caller in it is a defect", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      for (const inner of [Caller.asPlatform, Caller.as(callerOf(bob))]) {
        const exit = yield* Effect.exit(Caller.as(callerOf(ann))(sql.withTransaction(inner(owners))))
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
      }
      const exit = yield* Effect.exit(sql.withTransaction(Caller.as(callerOf(bob))(owners)))
      assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
      assert.deepStrictEqual(yield* owners, ["ann", "bob"])
    }).pipe(Effect.provide(prepared))
  )

  it.live("a prepared statement is parsed once for each connection, by callers and by the platform, and each sees the right rows", () =>
    withPool(
      1,
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const names = Effect.map(
          sql<{
            readonly name: string
          }>`SELECT name FROM pg_prepared_statements WHERE statement LIKE 'SELECT owner FROM strategies%' ORDER BY name`,
          (rows) => rows.map(({ name }) => name.replace(/\d+_\d+$/, ""))
        )
        const sees = (as: (self: typeof owners) => typeof owners, expected: ReadonlyArray<string>) =>
          Effect.map(as(Prepared.kept(owners)), (seen) => assert.deepStrictEqual(seen, expected))
        // From the sixth run on Postgres may use one plan for all values.
        for (let at = 0; at < 8; at++) {
          yield* sees(Caller.as(callerOf(ann)), ["ann"])
          yield* sees(Caller.as(callerOf(bob)), ["bob"])
          yield* sees(Caller.as(Caller.nobody), [])
          yield* sees(Caller.asPlatform, ["ann", "bob"])
          yield* sees((self) => Caller.as(callerOf(ann))(sql.withTransaction(self)), ["ann"])
        }
        assert.deepStrictEqual(yield* names, ["caller_", "platform_"])
        assert.deepStrictEqual(yield* left, nothing)
      })
    )
  )

  it.live("a prepared statement runs after it could not be parsed, or failed, or its caller's settings failed", () =>
    withPool(
      1,
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const me = Caller.as(callerOf(ann))
        const fails = (self: Effect.Effect<unknown, unknown>) =>
          Effect.map(Effect.exit(self), (exit) => assert.isTrue(Exit.isFailure(exit)))
        const later = Prepared.kept(sql<{ readonly n: number }>`SELECT n FROM later WHERE n > ${0}::int`)
        const quotient = (by: number) => Prepared.kept(sql<{ readonly n: number }>`SELECT 6 / ${by}::int AS n`)
        // A transaction that has failed refuses the settings.
        const unset = sql.withTransaction(Effect.zipRight(Effect.exit(sql`SELECT 1 / 0`), quotient(2)))
        for (const as of [me, Caller.asPlatform]) {
          yield* fails(as(later))
          yield* fails(as(unset))
          yield* fails(as(quotient(0)))
          assert.deepStrictEqual(yield* as(quotient(2)), [{ n: 3 }])
          yield* fails(as(quotient(0)))
          assert.deepStrictEqual(yield* as(quotient(3)), [{ n: 2 }])
        }
        yield* sql`CREATE TABLE later AS SELECT 7 AS n`
        yield* sql`GRANT SELECT ON later TO tarang_rows`
        for (const as of [me, Caller.asPlatform, me]) assert.deepStrictEqual(yield* as(later), [{ n: 7 }])
      })
    )
  )

  it.live("after a column has changed its type, a prepared statement is refused once as unavailable, and then runs", () =>
    withPool(
      1,
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE changing AS SELECT 7 AS n`
        yield* sql`GRANT SELECT ON changing TO tarang_rows`
        const kept = Prepared.kept(sql<{ readonly n: number | string }>`SELECT n FROM changing`)
        for (const as of [Caller.as(callerOf(ann)), Caller.asPlatform]) {
          yield* sql`ALTER TABLE changing ALTER COLUMN n TYPE int USING n::int`
          assert.deepStrictEqual(yield* as(kept), [{ n: 7 }])
          yield* sql`ALTER TABLE changing ALTER COLUMN n TYPE text`
          const refused = yield* Effect.flip(StoreError.guardRead(as(kept)))
          assert.strictEqual(refused._tag, "StoreUnavailable")
          assert.deepStrictEqual(yield* as(kept), [{ n: "7" }])
        }
      })
    )
  )

  it.live("rows, values, raw results, streams and transactions of a caller have the types and rows of the platform's", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const row = {
        n: 7,
        big: "9007199254740993",
        day: new Date("2026-11-30T03:45:00Z"),
        doc: { a: [1] },
        flag: true,
        none: null,
        words: ["x"]
      }
      const statement = () => sql<typeof row>`SELECT ${7}::int AS n, 9007199254740993 AS big, ${row.day}::timestamptz AS day,
        '{"a":[1]}'::jsonb AS doc, true AS flag, NULL AS none, ARRAY['x'] AS words`
      const me = Caller.as(callerOf(ann))
      for (const as of [me, Caller.asPlatform]) {
        assert.deepStrictEqual(yield* as(statement()), [row])
        for (let at = 0; at < 7; at++) assert.deepStrictEqual(yield* as(Prepared.kept(statement())), [row])
        assert.deepStrictEqual(yield* as(statement().values), [Object.values(row)])
        assert.deepStrictEqual(yield* as(Stream.runCollect(statement().stream).pipe(Effect.map((all) => [...all]))), [row])
        const raw = (yield* as(statement().raw)) as { readonly rowCount: number }
        assert.strictEqual(raw.rowCount, 1)
        assert.deepStrictEqual(yield* as(sql`SELECT 1 AS one WHERE false`), [])
      }
      // A snapshot's isolation has to be set before any other statement.
      const snapshot = Effect.zipRight(sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`, owners)
      assert.deepStrictEqual(yield* me(sql.withTransaction(snapshot)), ["ann"])
      const nested = sql.withTransaction(Effect.zipRight(Effect.exit(sql.withTransaction(sql`SELECT 1 / 0`)), owners))
      assert.deepStrictEqual(yield* me(nested), ["ann"])
      const quoted = Caller.as({ owner: "o'; RESET ROLE; --", accounts: () => ["a'b"] })
      assert.deepStrictEqual(yield* quoted(owners), [])
    }).pipe(Effect.provide(prepared))
  )

  it.live("a caller's statement is one message to Postgres and one transaction, like the platform's", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const syncs = (self: Effect.Effect<unknown, unknown, SqlClient.SqlClient>) =>
        Effect.scoped(
          Effect.gen(function* () {
            const connection = (yield* sql.reserve) as unknown as { readonly pg: { readonly connection: { sync: () => void } } }
            const wire = connection.pg.connection
            const sync = wire.sync.bind(wire)
            let count = 0
            wire.sync = () => {
              count++
              sync()
            }
            yield* Effect.provideService(self, SqlClient.TransactionConnection, [connection as never, 0])
            wire.sync = sync
            return count
          })
        )
      const read = sql`SELECT owner FROM strategies WHERE owner = ${"ann"}`
      assert.strictEqual(yield* syncs(read), 1)
      assert.strictEqual(yield* Caller.as(callerOf(ann))(syncs(read)), 1)
    }).pipe(Effect.provide(prepared))
  )
})
