import * as Caller from "../../owners/Caller.ts"

/** True for the caller's own user id. Without a setting it is null, and no row is seen. */
export const isMe = (column: string): string => `${column} = (SELECT nullif(current_setting('${Caller.ownerSetting}', true), ''))`
/** True for an account that the caller may use. */
export const isMine = (column: string): string =>
  `${column} = ANY ((SELECT string_to_array(current_setting('${Caller.accountsSetting}', true), ','))::text[])`
/** The parent's own policy decides whether the caller sees the parent. */
export const ofParent = (table: string, parent: string, key: string): string =>
  `EXISTS (SELECT 1 FROM ${parent} parent WHERE parent.${key} = ${table}.${key})`

/** A table whose rows belong to users. */
export interface Guarded {
  readonly table: string
  /** The statements that callers may run on their rows. Other statements are run only by the platform, or by a foreign key. */
  readonly may: string
  /** The rows that a caller sees, changes and makes. */
  readonly rows: string
  /** Further rows that a caller may only read. */
  readonly reads?: string
  /** A further condition for new rows. Callers do not delete such rows. */
  readonly inserts?: string
}

export const owned = (table: string, may: string): Guarded => ({ table, may, rows: isMe("owner") })
export const ofAccount = (table: string, may: string): Guarded => ({ table, may, rows: isMine("account_id") })
export const ofStrategy = (table: string, may: string): Guarded => ({ table, may, rows: ofParent(table, "strategies", "strategy_id") })

const policy = (name: string, table: string, kind: string, rule: string): string =>
  `CREATE POLICY ${name} ON ${table} ${kind} TO ${Caller.role} ${rule};`

/**
 * All policies are permissive: each only allows more rows. The user of DATABASE_URL owns the database, so its policy allows all rows. That
 * user may also be a member of the callers' role, and must not be restricted by the callers' policies.
 */
export const guard = ({ inserts, may, reads, rows, table }: Guarded): string => `
GRANT ${may} ON ${table} TO ${Caller.role};
ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON ${table} TO pg_database_owner USING (true);
${
  inserts === undefined
    ? policy("caller", table, "", `USING (${rows})`)
    : `${policy("caller", table, "FOR SELECT", `USING (${rows})`)}
${policy("caller_changes", table, "FOR UPDATE", `USING (${rows})`)}
${policy("caller_inserts", table, "FOR INSERT", `WITH CHECK ((${rows}) AND ${inserts})`)}`
}
${reads === undefined ? "" : policy("caller_reads", table, "FOR SELECT", `USING (${reads})`)}`

/** Undoes `guard`. */
export const unguard = ({ table }: Guarded): string => `
DROP POLICY IF EXISTS caller_inserts ON ${table};
DROP POLICY IF EXISTS caller_changes ON ${table};
DROP POLICY IF EXISTS caller_reads ON ${table};
DROP POLICY caller ON ${table};
DROP POLICY platform ON ${table};
ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
REVOKE ALL ON ${table} FROM ${Caller.role};`
