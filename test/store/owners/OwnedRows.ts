import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"
import type * as Caller from "../../../src/store/owners/Caller.ts"

/** A user with one account, and a number that makes the keys of its rows unlike those of others. */
export interface Owner {
  readonly owner: string
  readonly account: string
  readonly number: number
}
export const ann: Owner = { owner: "ann", account: "A1", number: 1 }
export const bob: Owner = { owner: "bob", account: "B1", number: 2 }

export const callerOf = ({ account, owner }: Owner): Caller.Caller => ({ owner, accounts: () => [account] })

const connection = "00000000-0000-4000-8000-000000000000"

/** Puts one row of the owner into every table whose rows belong to users. For the platform. */
export const putRows = ({ account, number, owner }: Owner) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const one = <Row extends object>(rows: ReadonlyArray<Row>): Row => rows[0] as Row
    const { id } = one(
      yield* sql<{ readonly id: string }>`INSERT INTO strategies (owner, name) VALUES (${owner}, 'n') RETURNING strategy_id AS id`
    )
    yield* sql`INSERT INTO strategy_legs (strategy_id, instrument_token, tradingsymbol, exchange, direction, quantity, entry_price)
      VALUES (${id}, ${number}, 'X', 'NFO', 'BUY', 1, 1)`
    yield* sql`INSERT INTO strategy_fills (strategy_id, instrument_token, tradingsymbol, exchange, side, quantity, price, executed_at)
      VALUES (${id}, ${number}, 'X', 'NFO', 'BUY', 1, 1, now())`
    yield* sql`INSERT INTO strategy_m2m_candles (strategy_id, minute, open, high, low, close) VALUES (${id}, now(), 1, 1, 1, 1)`
    yield* sql`INSERT INTO strategy_limits (strategy_id, action) VALUES (${id}, 'block')`
    const stop = one(
      yield* sql<{ readonly id: string }>`INSERT INTO strategy_stops (strategy_id, owner, action, reason, profit, max_loss)
        VALUES (${id}, ${owner}, 'block', 'r', -1, 1) RETURNING stop_id AS id`
    )
    yield* sql`INSERT INTO strategy_square_offs (stop_id, account_id, mode, status) VALUES (${stop.id}, ${account}, 'paper', 'running')`
    yield* sql`INSERT INTO labels (owner, exchange, tradingsymbol, at, place, label, text, color)
      VALUES (${owner}, 'NSE', 'X', now(), 'bar', 'l', 't', 'red')`
    yield* sql`INSERT INTO label_outbox (owner, change, label) VALUES (${owner}, 'created', '{}')`
    const alert = one(
      yield* sql<{
        readonly id: string
      }>`INSERT INTO alerts (owner, name, watch, condition, threshold, hysteresis, repeat, cooldown_s, state)
        VALUES (${owner}, 'n', '{}', 'above', 1, 0, false, 0, 'armed') RETURNING alert_id AS id`
    )
    const event = one(
      yield* sql<{ readonly id: string }>`INSERT INTO alert_events (alert_id, owner, input_epoch, input_seq, revision, body, as_of)
        VALUES (${alert.id}, ${owner}, 1, 1, 1, '{}', now()) RETURNING event_id AS id`
    )
    yield* sql`INSERT INTO alert_deliveries (event_id, owner, url, secret) VALUES (${event.id}, ${owner}, 'u', 's')`
    yield* sql`INSERT INTO api_keys (public_id, owner, name, role, scopes, salt, hash, expires_at)
      VALUES (${`key of ${owner}`}, ${owner}, 'n', 'viewer', '{}', 's', 'h', now())`
    yield* sql`INSERT INTO indicator_subscriptions (holder, exchange, tradingsymbol, minutes, indicator)
      VALUES (${`session:${connection}:${owner}`}, 'NSE', 'X', 1, 'i')`
    const task = one(
      yield* sql<{ readonly id: string }>`INSERT INTO order_tasks (owner, account_id, idempotency_key, body_hash, tag, mode, kind, request,
          terms_hash, is_limit, unknown_policy, deadline_at, status, revision, epoch)
        VALUES (${owner}, ${account}, 'k', 'h', ${`tag of ${owner}`}, 'paper', 'place', '{}', 't', true, 'park', now(), 'PENDING', 0, 0)
        RETURNING task_id AS id`
    )
    yield* sql`INSERT INTO order_attempts (task_id, number, account_id, mode, started_at) VALUES (${task.id}, 1, ${account}, 'paper', now())`
    yield* sql`INSERT INTO order_outbox (account_id, kind, body) VALUES (${account}, 'task', '{}')`
    yield* sql`INSERT INTO order_audit (account_id, who, what, detail) VALUES (${account}, ${owner}, 'accepted', '{}')`
    yield* sql`INSERT INTO order_accounts (account_id) VALUES (${account})`
    yield* sql`INSERT INTO order_stops (scope, reason, stopped_by) VALUES (${account}, 'r', ${owner})`
    const loss = one(
      yield* sql<{ readonly id: string }>`INSERT INTO account_stops (account_id, mode, action, reason, profit, max_daily_loss)
        VALUES (${account}, 'paper', 'block', 'r', -1, 1) RETURNING stop_id AS id`
    )
    yield* sql`INSERT INTO account_square_offs (stop_id, account_id, mode, status) VALUES (${loss.id}, ${account}, 'paper', 'running')`
    yield* sql`INSERT INTO order_compensations (basket_id, account_id, mode, status, legs, revision)
      VALUES (${`basket of ${owner}`}, ${account}, 'paper', 'open', '[]', 0)`
    yield* sql`INSERT INTO paper_orders (order_id, account_id, tag, status, revision, epoch, matched_seq, record_created_ms, body)
      VALUES (${`paper of ${owner}`}, ${account}, ${`paper of ${owner}`}, 'OPEN', 0, 0, 0, 0, '{}')`
    yield* sql`INSERT INTO paper_trades (order_id, number, account_id, quantity, price, traded_at)
      VALUES (${`paper of ${owner}`}, 1, ${account}, 1, 1, now())`
    yield* sql`INSERT INTO account_orders (account_id, order_id, seen_on, source, filled_quantity, body)
      VALUES (${account}, '1', '2026-11-30', 'book', 0, '{}')`
    yield* sql`INSERT INTO account_trades (account_id, order_id, trade_id, seen_on, quantity, body)
      VALUES (${account}, '1', '1', '2026-11-30', 1, '{}')`
    yield* sql`INSERT INTO account_figures (account_id, kind, as_of, through_change, body) VALUES (${account}, 'funds', now(), 0, '{}')`
    yield* sql`INSERT INTO account_syncs (account_id) VALUES (${account})`
    yield* sql`INSERT INTO accounts (account_id, owner, user_id, api_key, api_secret) VALUES (${account}, ${owner}, 'U', 'k', 's')`
    yield* sql`INSERT INTO account_logins (account_id, request_token) VALUES (${account}, 'r')`
    yield* sql`INSERT INTO account_login_states (state_hash, account_id, user_id, expires_at)
      VALUES (${`state of ${owner}`}, ${account}, ${owner}, now())`
    yield* sql`INSERT INTO account_announcements (account_id, kind, about) VALUES (${account}, 'expired', now())`
    yield* sql`INSERT INTO subscriptions (instrument_token, tradingsymbol, segment, status, requested_mode, created_by)
      VALUES (${number}, 'X', 'NFO-OPT', 'active', 'FULL', ${owner})`
    yield* sql`INSERT INTO subscription_windows (exchange, underlying, expiries, strikes, requested_mode, created_by)
      VALUES ('NSE', 'NIFTY', 1, 1, 'FULL', ${owner})`
    const backfill = one(
      yield* sql<{ readonly id: string }>`INSERT INTO backfills (created_by, minutes, from_day, to_day)
        VALUES (${owner}, 1, '2026-11-30', '2026-11-30') RETURNING backfill_id AS id`
    )
    yield* sql`INSERT INTO backfill_instruments (backfill_id, place, exchange, tradingsymbol) VALUES (${backfill.id}, 0, 'NSE', 'X')`
  })

/** Columns by which a row belongs to a user, directly or by an account of the user. */
const ownerColumns = ["owner", "created_by", "account_id", "holder", "scope", "user_id"]
/** `created_by` of these is the administrator who entered a fact of the market, which everybody sees. */
const ofMarket = ["calendar_entries"]

/** The tables with such a column, and those with a foreign key to one of them. */
export const ownedTables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ readonly name: string }>`WITH RECURSIVE owned AS (
      SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = ANY(${ownerColumns}::text[])
        AND NOT a.attisdropped AND c.relname <> ALL(${ofMarket}::text[])
      UNION SELECT k.conrelid FROM pg_constraint k JOIN owned ON owned.oid = k.confrelid WHERE k.contype = 'f')
    SELECT DISTINCT relname::text AS name FROM owned JOIN pg_class USING (oid) ORDER BY 1`
  return rows.map(({ name }) => name)
})
