import * as Caller from "../../owners/Caller.ts"
import type { Migration } from "../Migration.ts"
import { type Guarded, guard, isMe, isMine, ofAccount, ofParent, ofStrategy, owned, unguard } from "./Guarded.ts"

const guarded: ReadonlyArray<Guarded> = [
  owned("strategies", "SELECT, INSERT, UPDATE, DELETE"),
  ofStrategy("strategy_legs", "SELECT, INSERT, UPDATE, DELETE"),
  ofStrategy("strategy_fills", "SELECT, INSERT"),
  ofStrategy("strategy_m2m_candles", "SELECT"),
  ofStrategy("strategy_limits", "SELECT, INSERT, UPDATE, DELETE"),
  owned("strategy_stops", "SELECT, UPDATE"),
  {
    table: "strategy_square_offs",
    // A caller may change these columns, but not the row's account.
    may: "SELECT, UPDATE (status, revision, updated_at)",
    rows: ofParent("strategy_square_offs", "strategy_stops", "stop_id")
  },
  owned("labels", "SELECT, INSERT, UPDATE, DELETE"),
  owned("label_outbox", "INSERT"),
  owned("alerts", "SELECT, INSERT, UPDATE, DELETE"),
  owned("alert_events", "SELECT, DELETE"),
  owned("alert_deliveries", "SELECT"),
  owned("api_keys", "SELECT, INSERT, UPDATE"),
  owned("indicator_subscriptions", "SELECT, INSERT, DELETE"),
  // All owners of an account see its orders. Each task names the owner who requested it.
  { ...ofAccount("order_tasks", "SELECT, INSERT, UPDATE"), inserts: isMe("owner") },
  ofAccount("order_attempts", "SELECT, INSERT, UPDATE"),
  ofAccount("order_outbox", "INSERT"),
  {
    table: "order_audit",
    may: "INSERT",
    rows: `${isMine("account_id")} OR EXISTS (SELECT 1 FROM strategies WHERE account_id = 'strategy ' || strategies.strategy_id)`
  },
  ofAccount("order_accounts", "SELECT, INSERT, UPDATE"),
  { table: "order_stops", may: "SELECT, INSERT, UPDATE, DELETE", rows: isMine("scope"), reads: "scope = '*'" },
  ofAccount("order_compensations", "SELECT, INSERT"),
  ofAccount("paper_orders", "SELECT"),
  ofAccount("paper_trades", "SELECT"),
  ofAccount("account_orders", "SELECT"),
  ofAccount("account_trades", "SELECT"),
  ofAccount("account_figures", "SELECT"),
  ofAccount("account_syncs", "SELECT, INSERT, UPDATE"),
  { table: "accounts", may: "SELECT, UPDATE", rows: `${isMe("owner")} OR ${isMine("account_id")}` },
  ofAccount("account_logins", "SELECT, DELETE"),
  ofAccount("account_login_states", "SELECT, INSERT, DELETE"),
  ofAccount("account_announcements", "SELECT, DELETE"),
  // Everybody may read these, and the rows of an instrument are shared.
  { table: "subscriptions", may: "SELECT, INSERT, UPDATE", rows: "true", inserts: isMe("created_by") },
  { table: "subscription_windows", may: "SELECT, INSERT, DELETE", rows: isMe("created_by"), reads: "true" },
  { table: "backfills", may: "SELECT, INSERT, UPDATE, DELETE", rows: isMe("created_by"), reads: "true" },
  {
    table: "backfill_instruments",
    may: "SELECT, INSERT",
    rows: `EXISTS (SELECT 1 FROM backfills parent WHERE parent.backfill_id = backfill_instruments.backfill_id AND ${isMe("parent.created_by")})`,
    reads: "true"
  }
]

/** Tables of the market, which belong to nobody. Administrators write some of them. */
const shared: Readonly<Record<string, string>> = {
  instrument_days: "SELECT",
  instruments: "SELECT",
  instrument_refusals: "SELECT",
  bars: "SELECT",
  bar_days: "SELECT",
  chain_minutes: "SELECT",
  strike_minutes: "SELECT",
  settlements: "SELECT, INSERT, UPDATE",
  calendar_entries: "SELECT, INSERT, UPDATE, DELETE",
  calendar_changes: "SELECT, INSERT",
  corporate_actions: "SELECT, INSERT, UPDATE, DELETE",
  corporate_action_changes: "SELECT, INSERT"
}

/**
 * A role belongs to the whole server. Other databases may have made it already, or make it at this moment. `SET` is the right to become it;
 * before Postgres 16 every member had it.
 */
const makeRole = `
DO $role$
DECLARE
  advice text := format('; let an administrator of the server run: CREATE ROLE ${Caller.role} NOLOGIN; GRANT ${Caller.role} TO %I', current_user);
  membership text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
  IF to_regrole('${Caller.role}') IS NULL THEN
    BEGIN
      CREATE ROLE ${Caller.role} NOLOGIN;
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL;
      WHEN insufficient_privilege THEN RAISE EXCEPTION 'the user % may not make the role ${Caller.role}%', current_user, advice;
    END;
  END IF;
  IF NOT pg_has_role(current_user, '${Caller.role}', membership) THEN
    BEGIN
      EXECUTE format('GRANT ${Caller.role} TO %I', current_user);
    EXCEPTION
      WHEN unique_violation THEN NULL;
      WHEN insufficient_privilege THEN RAISE EXCEPTION 'the user % may not become the role ${Caller.role}%', current_user, advice;
    END;
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO ${Caller.role}', current_schema());
END $role$;`

/** The user in the holder of a set of indicators: of `user:<id>`, or of `session:<36 characters of a connection>:<id>`. */
const ownerOfSet = `
ALTER TABLE indicator_subscriptions ADD COLUMN owner text GENERATED ALWAYS AS (
  CASE WHEN starts_with(holder, 'user:') THEN substr(holder, 6) ELSE substr(holder, 46) END) STORED;`

/**
 * Row security: a statement that runs for a caller sees only the caller's rows, also without a WHERE. Statements of the platform see all.
 * `down` leaves the role, without any right here: other databases of the server may use it.
 */
export const migration: Migration = {
  id: 33,
  name: "row security",
  up: [
    makeRole,
    ownerOfSet,
    ...guarded.map(guard),
    ...Object.entries(shared).map(([table, may]) => `GRANT ${may} ON ${table} TO ${Caller.role};`)
  ].join("\n"),
  down: [
    ...guarded.map(unguard),
    ...Object.keys(shared).map((table) => `REVOKE ALL ON ${table} FROM ${Caller.role};`),
    "ALTER TABLE indicator_subscriptions DROP COLUMN owner;",
    `DO $role$ BEGIN EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM ${Caller.role}', current_schema()); END $role$;`
  ].join("\n")
}
