import { SqlClient } from "@effect/sql"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as Migrations from "../../src/store/Migrations.ts"
import { freshDatabase, migratedDatabase } from "../TestBackends.ts"
import { pool } from "./Stores.ts"

const tables = [
  "instrument_days",
  "instruments",
  "subscriptions",
  "strategies",
  "strategy_legs",
  "strategy_m2m_candles",
  "strategy_fills",
  "bars",
  "bar_days",
  "instrument_refusals",
  "subscription_windows",
  "settlements",
  "calendar_entries",
  "calendar_changes",
  "corporate_actions",
  "corporate_action_changes",
  "order_tasks",
  "order_attempts",
  "order_outbox",
  "order_audit",
  "order_accounts",
  "order_stops",
  "indicator_subscriptions",
  "chain_minutes",
  "strike_minutes",
  "account_orders",
  "account_trades",
  "account_figures",
  "account_syncs",
  "order_compensations"
] as const

const fill = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`INSERT INTO instrument_days (trade_date, instruments) VALUES ('2026-08-18', 2), ('2026-08-19', 1)`
  yield* sql`INSERT INTO instrument_refusals (trade_date, reason) VALUES ('2026-08-20', 'exchange BFO is missing; it had 7 instruments')`
  yield* sql`INSERT INTO subscription_windows (exchange, underlying, expiries, strikes, requested_mode, created_by)
    VALUES ('NSE', 'NIFTY', 2, 20, 'FULL', 'u1')`
  yield* sql`INSERT INTO instruments VALUES
    ('2026-08-18', 4294967295, 16777215, 'NIFTY26AUG24500CE', 'NIFTY', '2026-08-25', 2450000, 5, 65, 'CE', 'NFO-OPT', 'NFO'),
    ('2026-08-18', 256265, 1001, 'NIFTY 50', 'NIFTY 50', NULL, 0, 0, 0, 'EQ', 'INDICES', 'NSE'),
    ('2026-08-19', 256265, 1001, 'NIFTY 50', 'NIFTY 50', NULL, 0, 0, 0, 'EQ', 'INDICES', 'NSE')`
  yield* sql`INSERT INTO subscriptions (instrument_token, tradingsymbol, segment, status, requested_mode, account_id, created_by)
    VALUES (256265, 'NIFTY 50', 'INDICES', 'active', 'FULL', 'a1', 'u1'), (4294967295, 'X', 'NFO-OPT', 'inactive', 'LTP', NULL, 'u2')`
  yield* sql`INSERT INTO strategies (owner, name, description, tags) VALUES ('u1', 'condor', NULL, '{a,"b c"}'), ('u2', 'fly', 'd', '{}')`
  yield* sql`INSERT INTO strategy_legs (strategy_id, instrument_token, tradingsymbol, exchange, direction, quantity, entry_price)
    VALUES (1, 256265, 'NIFTY 50', 'NSE', 'BUY', 9007199254740991, 12345678901234567890.0123456789), (2, 4294967295, 'X', 'NFO', 'SELL', 0, 0.05)`
  yield* sql`INSERT INTO strategy_fills (strategy_id, instrument_token, tradingsymbol, exchange, side, quantity, price, executed_at, external_id)
    VALUES (1, 256265, 'NIFTY 50', 'NSE', 'BUY', 1000000000, 12345678901234567890.0123456789, '2026-08-19T03:45:00.123456Z', 't1'),
      (2, 4294967295, 'X', 'NFO', 'SELL', 1, 88.08333333333333, '2026-08-19T03:45:00Z', NULL)`
  yield* sql`INSERT INTO bars VALUES
    (4294967295, 'X', 1, 'live', '2026-08-19T03:45:00Z', 9007199254740991, 9007199254740991, 0, 1, 4294967295, NULL, false, 'NFO'),
    (256265, 'NIFTY 50', 1440, 'broker', '2026-08-18T18:30:00Z', 2450000, 2450005, 2449995, 2450000, 0, 0, true, 'NSE')`
  yield* sql`INSERT INTO bar_days (instrument_token, tradingsymbol, minutes, day, exchange) VALUES (256265, 'NIFTY 50', 1440, '2026-08-18', 'NSE')`
  yield* sql`INSERT INTO settlements VALUES
    ('NFO', 'NIFTY26AUG24500CE', '2026-08-25', 12345678901234567890.0123456789, 'underlying_close', '2026-08-25T10:10:00Z', NULL, NULL),
    ('NFO', 'NIFTY26AUG24600CE', '2026-08-25', 0.00000000000000000001, 'by_hand', '2026-08-25T10:10:00Z', 'a1', 'circular 7')`
  yield* sql`INSERT INTO calendar_entries (entry, created_by) VALUES ('{"entry":"known","row":{}}', 'a1')`
  yield* sql`INSERT INTO calendar_changes (entry_id, action, entry, changed_by) VALUES (1, 'created', '{"entry":"known","row":{}}', 'a1')`
  yield* sql`INSERT INTO corporate_actions (exchange, symbol, ex_date, kind, shares_before, shares_after, price_paise, close_paise, source,
    imported_by) VALUES ('NSE', 'M&M', '2026-02-02', 'split', 1, 2, 0, 0, '{"circular 1"}', 'a1')`
  yield* sql`INSERT INTO corporate_action_changes (action_id, change, terms, changed_by) VALUES (1, 'saved', '{"symbol":"M&M"}', 'a1')`
  yield* sql`INSERT INTO order_tasks (owner, account_id, idempotency_key, body_hash, tag, mode, kind, request, terms_hash, reference_price, is_limit,
    unknown_policy, deadline_at, strategy_id, basket_id, basket_place, retries, status, revision, epoch, due_at, order_id, error_type, error_message,
    absent_at) VALUES ('u1', 'a1', 'k1', 'h', 'tag1', 'live', 'place', '{"kind":"place"}', 't', 12345678901234567890.0123456789, true, 'park',
    '2026-08-19T03:45:00.123Z', 9007199254740991, 'b', 0, 1, 'RETRYING', 3, 9007199254740991, '2026-08-19T03:45:00.123456Z', '1', 'e', 'm', now())`
  yield* sql`INSERT INTO order_attempts VALUES (1, 1, 'a1', '2026-08-19T03:45:00.123456Z', NULL, NULL, NULL, NULL, NULL, 'live')`
  yield* sql`INSERT INTO order_outbox (account_id, task_id, kind, body) VALUES ('a1', 1, 'task', '{"a":1.10}')`
  yield* sql`INSERT INTO order_audit (account_id, task_id, who, what, detail) VALUES ('a1', 1, 'u1', 'accepted', '{}')`
  yield* sql`INSERT INTO order_accounts VALUES ('a1', 'live', 0.00000000000000000001, 1, 12345678901234567890.01, 5, 2.5, 1000)`
  yield* sql`UPDATE order_accounts SET swept_at = '2026-08-19T03:45:00.123Z'`
  yield* sql`INSERT INTO order_stops VALUES ('*', 'because', 'admin', '2026-08-19T03:45:00.123456Z', 'token', '2026-08-19T03:46:00Z')`
  yield* sql`INSERT INTO indicator_subscriptions (holder, exchange, tradingsymbol, minutes, indicator, expires_at)
    VALUES ('user:u1', 'NSE', 'NIFTY 50', 5, 'rsi(period=14)', NULL), ('session:c1', 'NSE', 'M&M', 1440, 'obv()', '2026-08-19T03:45:00Z')`
  yield* sql`INSERT INTO chain_minutes VALUES ('NSE', 'NIFTY', '2026-08-25', '2026-08-19T03:45:00Z', '2026-08-19T03:45:00.25Z', 24500.05,
    24512.3412, 'parity', 24500, 0.12345, 24500, 0.9876, 1.0001, 9007199254740991, 0, 'b76')`
  yield* sql`INSERT INTO strike_minutes VALUES ('NFO', 'NIFTY26AUG24500CE', '2026-08-19T03:45:00Z', 'NSE', 'NIFTY', '2026-08-25', 24500, 'CE',
    4294967295, 120.05, NULL, 120.1, 75, 9007199254740991, -75, 0.12345, 0.5012, 0.0001234, -12.3456, 10.1, -0.5, 'live')`
  yield* sql`INSERT INTO account_orders (account_id, order_id, seen_on, source, filled_quantity, body)
    VALUES ('a1', '1', '2026-08-19', 'book', 9007199254740991, '{"price":"88.08333333333333"}')`
  yield* sql`INSERT INTO account_trades (account_id, order_id, trade_id, seen_on, quantity, body)
    VALUES ('a1', '1', 't1', '2026-08-19', 65, '{"average_price":"88.08333333333333"}')`
  yield* sql`INSERT INTO account_figures VALUES ('a1', 'positions', '2026-08-19T03:45:00.123456Z', 9007199254740991, '{"net":[],"day":[]}')`
  yield* sql`INSERT INTO account_syncs VALUES ('a1', 2, 1, '2026-08-19T03:45:00.123456Z', '[{"kind":"order"}]')`
  yield* sql`INSERT INTO order_compensations VALUES ('b', 'a1', 'live', 'running', '[{"filled":9007199254740991}]', 2,
    '2026-08-19T03:45:00.123456Z', '2026-08-19T03:46:00Z')`
  yield* sql`INSERT INTO strategy_m2m_candles VALUES (1, '2026-08-19T03:45:00Z', -999999999.99, 1000000000000.0000000001, -1e18, 0, -12.5)`
})

/** Every row of every table as text, so that a comparison sees every digit. */
const contents = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* Effect.forEach(tables, (table) =>
    sql<{ readonly row: string }>`SELECT t::text AS row FROM ${sql(table)} t ORDER BY 1`.pipe(
      Effect.map((found) => found.map(({ row }) => row))
    )
  )
  return Object.fromEntries(tables.map((table, at) => [table, rows[at]!]))
})
const present = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ readonly name: string }>`SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_name <> 'schema_migrations' ORDER BY 1`
  return rows.map(({ name }) => name)
})
const appliedIds = Effect.map(Migrations.status, (steps) => steps.filter((step) => step.appliedAt !== null).map((step) => step.id))
const ids = Migrations.all.map((step) => step.id)

const on =
  (database: typeof freshDatabase) =>
  <A, E>(body: Effect.Effect<A, E, SqlClient.SqlClient>) =>
    Effect.flatMap(database, (url) => Effect.provide(body, pool(url))).pipe(Effect.scoped)
const onFresh = on(freshDatabase)
const onMigrated = on(migratedDatabase)

describe("Migrations", () => {
  it.live("BE-DB-03 with rows in every table, all steps run up, down and up again, and no row or value changes", () =>
    onFresh(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* Migrations.up, ids)
        yield* fill
        const before = yield* contents
        for (const table of tables) assert.isAbove(before[table]!.length, 0, table)

        assert.deepStrictEqual(yield* Migrations.down(0), ids.toReversed())
        assert.deepStrictEqual(yield* present, [])
        assert.deepStrictEqual(yield* appliedIds, [])

        assert.deepStrictEqual(yield* Migrations.up, ids)
        assert.deepStrictEqual(yield* contents, before)
        const [next] = yield* sql<{
          readonly id: string
        }>`INSERT INTO strategies (owner, name) VALUES ('u3', 'n') RETURNING strategy_id AS id`
        assert.strictEqual(next!.id, "3", "the sequence goes on where it was")
        yield* sql`DELETE FROM strategies WHERE strategy_id = 1`
        assert.strictEqual((yield* contents)["strategy_m2m_candles"]!.length, 0, "foreign keys still cascade")
        assert.strictEqual((yield* contents)["strategy_fills"]!.length, 1)
      })
    )
  )

  for (const step of Migrations.all) {
    it.live(`BE-DB-03 down to before "${step.name}" and up again keeps the data, twice`, () =>
      onMigrated(
        Effect.gen(function* () {
          yield* fill
          const before = yield* contents
          for (let round = 0; round < 2; round++) {
            yield* Migrations.down(step.id - 1)
            assert.deepStrictEqual(
              yield* appliedIds,
              ids.filter((id) => id < step.id)
            )
            yield* Migrations.up
            assert.deepStrictEqual(yield* contents, before)
          }
        })
      )
    )
  }

  it.live("BE-DAY-04 bars by token become bars by name and back: two names of one token and two tokens of one name lose nothing", () =>
    onFresh(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const prices = Effect.map(
          sql<{ readonly name: string; readonly open: string }>`SELECT tradingsymbol AS name, open FROM bars ORDER BY 1, open`,
          (rows) => rows.map(({ name, open }) => `${name} ${open}`)
        )
        const put = (exchange: string | null, token: number, name: string, open: number) =>
          exchange === null
            ? sql`INSERT INTO bars (instrument_token, tradingsymbol, minutes, source, at, open, high, low, close, volume, oi, complete)
                VALUES (${token}, ${name}, 1, 'live', '2026-08-19T03:45:00Z', ${open}, ${open}, ${open}, ${open}, 0, NULL, true)`
            : sql`INSERT INTO bars VALUES (${token}, ${name}, 1, 'live', '2026-08-19T03:45:00Z', ${open}, ${open}, ${open}, ${open}, 0, NULL,
                true, ${exchange})`
        yield* Migrations.up
        yield* put("NFO", 258, "A", 1)
        yield* put("NFO", 258, "B", 2)
        yield* Migrations.down(15)
        assert.deepStrictEqual(yield* prices, ["B 2"])
        yield* put(null, 514, "B", 3)
        yield* put(null, 777, "SENSEX", 4)
        yield* Migrations.up
        assert.deepStrictEqual(yield* prices, ["A 1", "B 3", "SENSEX 4"])
        yield* Migrations.down(15)
        yield* Migrations.up
        assert.deepStrictEqual(yield* prices, ["A 1", "B 3", "SENSEX 4"])
        const places = yield* sql<{ readonly exchange: string }>`SELECT exchange FROM bars ORDER BY tradingsymbol`
        assert.deepStrictEqual(
          places.map(({ exchange }) => exchange),
          ["NFO", "NFO", "NSE"]
        )
      })
    )
  )

  it.live("two instances that start at the same time apply each step once", () =>
    Effect.flatMap(freshDatabase, (url) => {
      const start = Effect.provide(Migrations.up, pool(url))
      return Effect.gen(function* () {
        const applied = yield* Effect.all([start, start, start], { concurrency: "unbounded" })
        assert.deepStrictEqual(
          applied.flat().sort((a, b) => a - b),
          ids
        )
        assert.deepStrictEqual(yield* Effect.provide(appliedIds, pool(url)), ids)
      })
    }).pipe(Effect.scoped)
  )

  it.live("BE-DB-01 a step that fails halfway is rolled back, keeps the earlier steps, and can be repeated", () =>
    onFresh(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE VIEW strategy_legs AS SELECT 1 AS one`
        const error = yield* Effect.flip(Migrations.up)
        assert.strictEqual(error._tag, "MigrationFailed")
        assert.include(error.message, "3 (strategies)")
        assert.include(error.message, "already exists")
        assert.notInclude(yield* present, "strategies")
        assert.deepStrictEqual(yield* appliedIds, [1, 2])
        yield* sql`DROP VIEW strategy_legs`
        assert.deepStrictEqual(yield* Migrations.up, ids.slice(2))
      })
    )
  )

  it.live("a database of a newer version is refused with its unknown step, and stays unchanged", () =>
    onFresh(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* Migrations.up
        yield* sql`INSERT INTO schema_migrations (id, name) VALUES (999, 'from the future')`
        const error = yield* Effect.flip(Migrations.up)
        assert.include(error.message, "999")
        assert.include(error.message, "newer version")
      })
    )
  )

  it.live("a database that was never migrated has no applied steps", () =>
    onFresh(Effect.map(Effect.exit(appliedIds), (exit) => assert.deepStrictEqual(exit, Exit.succeed([]))))
  )
})
