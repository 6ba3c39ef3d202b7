import { SqlClient, type SqlError } from "@effect/sql"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, type Context, Deferred, Effect, Exit, Fiber, Layer, Ref, Schedule } from "effect"
import * as Postgres from "../../src/store/Postgres.ts"
import * as StoreError from "../../src/store/StoreError.ts"
import { waitMsMax } from "../Patience.ts"
import { proxy } from "../Proxy.ts"
import { freshDatabase } from "../TestBackends.ts"
import { observer, pool, started } from "./Stores.ts"

const onFresh = <A, E>(
  body: (url: string) => Effect.Effect<A, E, SqlClient.SqlClient>,
  settings: Record<string, string> = {}
): Effect.Effect<A, unknown> => Effect.flatMap(freshDatabase, (url) => Effect.provide(body(url), pool(url, settings))).pipe(Effect.scoped)

const table = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`CREATE TABLE things (id int PRIMARY KEY, n int NOT NULL CONSTRAINT n_is_small CHECK (n < 100), up int REFERENCES things)`
)
const failure = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.map(Effect.flip(effect), (error) => error as StoreError.StoreError)
/** Succeeds if Postgres answers a query. */
const answered = Effect.flatMap(SqlClient.SqlClient, (sql) => StoreError.guard(sql`SELECT 1`))
/** On a busy machine a query of a pool with short time limits may need several attempts. */
const patient = <A, E, R>(query: Effect.Effect<A, E, R>) =>
  Effect.retry(query, { schedule: Schedule.spaced("200 millis"), times: waitMsMax / 1_000 })
/** Keeps a transaction open until `held` is done. The server ends a transaction that does nothing for ten seconds. */
const holding = (held: Deferred.Deferred<void>) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.repeat(sql`SELECT 1`, { until: () => Deferred.isDone(held), schedule: Schedule.spaced("100 millis") })
  )

describe("StoreError", () => {
  it.live(
    "BE-DB-02 unique, foreign key, check, range and bad text violations each have an error with the constraint's name; other SQL errors are defects",
    () =>
      onFresh(() =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* table
          yield* sql`INSERT INTO things VALUES (1, 1)`
          const refused = (statement: Effect.Effect<unknown, SqlError.SqlError>) => failure(StoreError.guard(statement))
          assert.deepStrictEqual(
            yield* refused(sql`INSERT INTO things VALUES (1, 1)`),
            new StoreError.StoreConflict({ constraint: "things_pkey" })
          )
          assert.deepStrictEqual(
            yield* refused(sql`INSERT INTO things VALUES (2, 1, 9)`),
            new StoreError.StoreInvalid({ constraint: "things_up_fkey" })
          )
          assert.deepStrictEqual(
            yield* refused(sql`INSERT INTO things VALUES (3, 100)`),
            new StoreError.StoreInvalid({ constraint: "n_is_small" })
          )
          assert.strictEqual((yield* refused(sql`SELECT ${"99999999999"}::int`))._tag, "StoreInvalid")
          assert.strictEqual((yield* refused(sql`SELECT ${"a\0b"}::text`))._tag, "StoreInvalid")
          const bug = yield* Effect.exit(StoreError.guard(sql`SELECT nothing FROM nowhere`))
          assert.isTrue(Exit.isFailure(bug) && Cause.isDie(bug.cause))
          const refusedRead = yield* Effect.exit(StoreError.guardRead(sql`INSERT INTO things VALUES (1, 1)`))
          assert.isTrue(Exit.isFailure(refusedRead) && Cause.isDie(refusedRead.cause))
        })
      )
  )

  it.live("BE-DB-02 two transactions in a deadlock both succeed: the one that is rolled back runs again", () =>
    onFresh(() =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* table
        yield* sql`INSERT INTO things VALUES (1, 0), (2, 0)`
        const runs = yield* Ref.make(0)
        const both = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
        const addTo = (first: number, second: number, mine: Deferred.Deferred<void>, theirs: Deferred.Deferred<void>) =>
          Effect.gen(function* () {
            yield* Ref.update(runs, (n) => n + 1)
            yield* sql`UPDATE things SET n = n + 1 WHERE id = ${first}`
            yield* Deferred.succeed(mine, undefined)
            yield* Deferred.await(theirs)
            yield* sql`UPDATE things SET n = n + 1 WHERE id = ${second}`
          }).pipe(Postgres.transaction(sql), StoreError.guard)
        yield* Effect.all([addTo(1, 2, both[0], both[1]), addTo(2, 1, both[1], both[0])], { concurrency: 2 })
        assert.strictEqual(yield* Ref.get(runs), 3, "one of the two ran twice")
        const rows = yield* sql<{ readonly n: number }>`SELECT n FROM things ORDER BY id`
        assert.deepStrictEqual(
          rows.map(({ n }) => n),
          [2, 2]
        )
      })
    )
  )

  it.live("BE-DB-02 a transaction with a serialisation failure runs again, a limited number of times", () =>
    onFresh(() =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* table
        yield* sql`INSERT INTO things VALUES (1, 0)`
        const runs = yield* Ref.make(0)
        const outside = yield* Effect.context<never>()
        const racing = (losses: number) =>
          Effect.gen(function* () {
            yield* sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
            yield* sql`SELECT n FROM things`
            const run = yield* Ref.updateAndGet(runs, (n) => n + 1)
            // A write on another connection after our snapshot makes our update fail to serialise.
            if (run <= losses) yield* Effect.mapInputContext(sql`UPDATE things SET n = n + 10`, (_: Context.Context<never>) => outside)
            yield* sql`UPDATE things SET n = n + 1`
          }).pipe(Postgres.transaction(sql), StoreError.guard)
        yield* racing(2)
        assert.strictEqual(yield* Ref.get(runs), 3)
        yield* Ref.set(runs, 0)
        const error = yield* failure(racing(Number.POSITIVE_INFINITY))
        assert.strictEqual(error._tag, "StoreUnavailable")
        assert.strictEqual(yield* Ref.get(runs), 1 + StoreError.rolledBackRetriesMax)
      })
    )
  )

  it.live("BE-DB-02 a constraint that only COMMIT checks gives StoreInvalid too, although the SQL layer makes it a defect", () =>
    onFresh(() =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* table
        yield* sql`ALTER TABLE things ALTER CONSTRAINT things_up_fkey DEFERRABLE INITIALLY DEFERRED`
        const error = yield* failure(sql`INSERT INTO things VALUES (1, 1, 9)`.pipe(Postgres.transaction(sql), StoreError.guard))
        assert.deepStrictEqual(error, new StoreError.StoreInvalid({ constraint: "things_up_fkey" }))
        assert.deepStrictEqual(yield* sql`SELECT 1 FROM things`, [])
      })
    )
  )

  it.live("an exhausted pool, a slow statement and a held lock are StoreUnavailable, each with its own reason", () =>
    onFresh(
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          // The server's limit ends a query before the client's does. It is shortened here, so that a machine that pauses cannot
          // reverse this.
          assert.deepStrictEqual(yield* sql`SHOW statement_timeout`, [{ statement_timeout: "27s" }])
          assert.deepStrictEqual(yield* sql`SHOW lock_timeout`, [{ lock_timeout: "12s" }])
          const impatient = <A, E>(query: Effect.Effect<A, E>) =>
            sql`SET LOCAL statement_timeout = 400`.pipe(
              Effect.zipRight(sql`SET LOCAL lock_timeout = 200`),
              Effect.zipRight(query),
              Postgres.transaction(sql),
              StoreError.guard,
              failure
            )
          const slow = yield* impatient(sql`SELECT pg_sleep(50)`)
          assert.strictEqual(slow._tag, "StoreUnavailable")
          assert.include(slow.message, "57014")
          const [taken, held] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          const holder = yield* Effect.fork(
            Postgres.transaction(sql)(
              sql`SELECT pg_advisory_xact_lock(7)`.pipe(Effect.zipRight(Deferred.succeed(taken, undefined)), Effect.zipRight(holding(held)))
            )
          )
          yield* Deferred.await(taken)
          const locked = yield* impatient(sql`SELECT pg_advisory_xact_lock(7)`)
          assert.include(locked.message, "55P03")
          const second = yield* Effect.fork(Postgres.transaction(sql)(holding(held)))
          const full = yield* failure(Effect.repeat(StoreError.guard(sql`SELECT 1`), { until: () => false }))
          assert.strictEqual(full.message, "Database unavailable: Connection pool timeout")
          yield* Deferred.succeed(held, undefined)
          yield* Fiber.joinAll([holder, second])
          yield* answered
        }),
      { DATABASE_POOL_MAX: "2", DATABASE_QUERY_TIMEOUT: "30 seconds" }
    )
  )

  it.live(
    "TC-ERR-010 a query that finds no free connection fails after ten seconds, by default, with Connection pool timeout, and the pool recovers",
    () =>
      Effect.flatMap(freshDatabase, (url) =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const held = yield* Deferred.make<void>()
          const holders = yield* Effect.forEach([1, 2], () =>
            Effect.gen(function* () {
              const taken = yield* Deferred.make<void>()
              const holder = yield* Effect.fork(
                Postgres.transaction(sql)(Effect.zipRight(Deferred.succeed(taken, undefined), holding(held)))
              )
              yield* Deferred.await(taken)
              return holder
            })
          )
          const startedMs = performance.now()
          const waiting = yield* Effect.forEach([1, 2, 3], () => failure(StoreError.guard(sql`SELECT 1`)), { concurrency: "unbounded" })
          assert.isAtLeast(performance.now() - startedMs, 9_900)
          for (const error of waiting) {
            assert.strictEqual(error._tag, "StoreUnavailable")
            assert.include((error as StoreError.StoreUnavailable).message, "Connection pool timeout")
          }
          yield* Deferred.succeed(held, undefined)
          yield* Fiber.joinAll(holders)
          // Every connection is free again, not only one.
          yield* Effect.forEach([1, 2], () => sql`SELECT pg_sleep(0.05)`, { concurrency: "unbounded" })
        }).pipe(Effect.provide(pool(url, { DATABASE_POOL_MAX: "2" })))
      ).pipe(Effect.scoped)
  )

  it.live("a connection terminated inside a transaction gives StoreUnavailable, and the transaction is rolled back", () =>
    onFresh(() =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* table
        const outside = yield* Effect.context<never>()
        const error = yield* failure(
          Effect.gen(function* () {
            yield* sql`INSERT INTO things VALUES (1, 1)`
            const [me] = yield* sql<{ readonly pid: number }>`SELECT pg_backend_pid() AS pid`
            yield* Effect.mapInputContext(sql`SELECT pg_terminate_backend(${me!.pid})`, (_: Context.Context<never>) => outside)
            yield* sql`INSERT INTO things VALUES (2, 1)`
          }).pipe(Postgres.transaction(sql), StoreError.guard)
        )
        assert.strictEqual(error._tag, "StoreUnavailable")
        assert.deepStrictEqual(yield* StoreError.guard(sql`SELECT id FROM things`), [])
      })
    )
  )

  it.live("a repository's own error and an interruption pass through unchanged", () =>
    onFresh(() =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const own = yield* Effect.flip(StoreError.guard(Postgres.transaction(sql)(Effect.fail("own" as const))))
        assert.strictEqual(own, "own")
        const exit = yield* Effect.exit(StoreError.guard(Effect.interrupt))
        assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
      })
    )
  )
})

describe("Postgres", () => {
  const settings = { DATABASE_CONNECT_TIMEOUT: "5 seconds", DATABASE_QUERY_TIMEOUT: "2 seconds" }
  const behindProxy = Effect.flatMap(freshDatabase, (url) => Effect.map(proxy(url), (door) => ({ door, url })))

  it.live("TC-MATL-005 a start without Postgres fails with an error that says what to do, and succeeds once Postgres is back", () =>
    Effect.gen(function* () {
      const { door } = yield* behindProxy
      yield* Effect.promise(door.stop)
      const start = Effect.scoped(Layer.build(started(door.url)))
      const error = yield* Effect.flip(start)
      assert.include(error.message, "Failed to connect to database")
      assert.include(error.message, "ECONNREFUSED")
      assert.include(error.message, "DATABASE_URL")
      yield* Effect.promise(() => door.start())
      yield* start
    }).pipe(Effect.scoped)
  )

  it.live("an invalid address is a configuration error that does not print the address", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(pool("hunter2 is no address"))))
      assert.include(String(error), "DATABASE_URL")
      assert.notInclude(String(error), "hunter2")
    })
  )

  it.live("when Postgres goes away queries fail with StoreUnavailable at once, and succeed again when it is back", () =>
    Effect.gen(function* () {
      const { door } = yield* behindProxy
      yield* Effect.gen(function* () {
        yield* patient(answered)
        yield* Effect.promise(door.stop)
        const error = yield* Effect.flip(Effect.repeat(answered, { until: () => false }))
        assert.strictEqual(error._tag, "StoreUnavailable")
        const refused = yield* failure(answered)
        assert.include(refused.message, "ECONNREFUSED")
        yield* Effect.promise(() => door.start())
        yield* patient(answered)
      }).pipe(Effect.provide(pool(door.url, settings)))
    }).pipe(Effect.scoped)
  )

  it.live("a query to a mute Postgres fails after the query timeout, and a cut-off transaction never hides a later write", () =>
    Effect.gen(function* () {
      const { door, url } = yield* behindProxy
      yield* Effect.provide(table, observer(url))
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const error = yield* failure(
          Effect.gen(function* () {
            yield* sql`INSERT INTO things VALUES (1, 1)`
            yield* Effect.sync(door.freeze)
            yield* sql`INSERT INTO things VALUES (2, 1)`
          }).pipe(Postgres.transaction(sql), StoreError.guard)
        )
        assert.strictEqual(error._tag, "StoreUnavailable")
        yield* Effect.sync(door.thaw)
        // An attempt may land although its time is over.
        yield* patient(StoreError.guard(sql`INSERT INTO things VALUES (3, 1) ON CONFLICT DO NOTHING`))
        const seen = yield* Effect.flatMap(SqlClient.SqlClient, (other) => other`SELECT id FROM things ORDER BY id`).pipe(
          Effect.provide(observer(url))
        )
        assert.deepStrictEqual(seen, [{ id: 3 }])
      }).pipe(Effect.provide(pool(door.url, { ...settings, DATABASE_POOL_MAX: "1" })))
    }).pipe(Effect.scoped)
  )

  it.live("inTurn does not let a caller that writes again at once pass those that wait", () =>
    Effect.gen(function* () {
      const inTurn = yield* Postgres.inTurn
      const written: Array<string> = []
      const write = (name: string) =>
        inTurn(
          Effect.zipRight(
            Effect.promise(() => Promise.resolve()),
            Effect.sync(() => written.push(name))
          )
        )
      const greedy = yield* Effect.fork(Effect.repeatN(write("greedy"), 4))
      yield* Effect.yieldNow()
      yield* write("patient")
      yield* greedy.await
      assert.strictEqual(written.indexOf("patient"), 1)
      assert.lengthOf(written, 6)
    })
  )

  it.live(
    "inTurn runs one write at a time, refuses writes beyond its limit at once, and frees the turn of a failed or interrupted write",
    () =>
      Effect.gen(function* () {
        const inTurn = yield* Postgres.inTurn
        const open = yield* Deferred.make<void>()
        let [running, most] = [0, 0]
        const write = Effect.sync(() => {
          most = Math.max(most, ++running)
        }).pipe(Effect.zipRight(Deferred.await(open)), Effect.ensuring(Effect.sync(() => running--)))
        const queued = yield* Effect.forEach(Array.from({ length: Postgres.turnsMax }), () => Effect.fork(inTurn(write)))
        yield* Effect.yieldNow()
        const refused = yield* Effect.flip(inTurn(Effect.void))
        assert.include(refused.message, "too many writes are waiting")
        yield* Fiber.interrupt(queued[1]!)
        assert.strictEqual(
          yield* Effect.fork(inTurn(Effect.fail("own"))).pipe(
            Effect.zipLeft(Deferred.succeed(open, undefined)),
            Effect.flatMap(Fiber.join),
            Effect.flip
          ),
          "own"
        )
        yield* Effect.forEach(
          queued.filter((_, at) => at !== 1),
          Fiber.join
        )
        assert.strictEqual(most, 1)
        yield* inTurn(Effect.void)
      })
  )

  it.live("BE-RES-04 a write whose turn comes too late is refused without being run, and the one after it has its turn", () =>
    Effect.gen(function* () {
      let elapsedMs = 0
      const clock = Object.assign(Object.create(Clock.make()) as Clock.Clock, {
        unsafeCurrentTimeNanos: () => BigInt(elapsedMs) * 1_000_000n
      })
      const inTurn = yield* Effect.withClock(Postgres.inTurn, clock)
      const open = yield* Deferred.make<void>()
      const slow = yield* Effect.fork(inTurn(Deferred.await(open)))
      yield* Effect.yieldNow()
      let hasRun = false
      const late = yield* Effect.fork(
        inTurn(
          Effect.sync(() => {
            hasRun = true
          })
        )
      )
      yield* Effect.yieldNow()
      elapsedMs = Postgres.turnMsMax + 1
      const inTime = yield* Effect.fork(inTurn(Effect.succeed("mine")))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(open, undefined)
      yield* Fiber.join(slow)
      assert.include((yield* Effect.flip(Fiber.join(late))).message, "too many writes are waiting")
      assert.isFalse(hasRun)
      assert.strictEqual(yield* Fiber.join(inTime), "mine")
    })
  )
})
