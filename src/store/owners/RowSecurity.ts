import * as SqlClient from "@effect/sql/SqlClient"
import { Data, Effect } from "effect"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import * as Caller from "./Caller.ts"

/** The rights of the user of DATABASE_URL, or of the callers' role, are not as row security needs them. Nothing was changed. */
export class RowSecurityNotReady extends Data.TaggedError("RowSecurityNotReady")<{ readonly reason: string; readonly advice: string }> {
  override get message(): string {
    return `Rows of users are not protected: ${this.reason}; let an administrator of the database run: ${this.advice}`
  }
}

interface Rights {
  readonly user: string
  readonly database: string
  readonly ownsDatabase: boolean
  readonly mayBecome: boolean
  readonly roleSeesAll: boolean
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

const problemOf = ({ database, mayBecome, ownsDatabase, roleSeesAll, user }: Rights): RowSecurityNotReady | undefined => {
  if (!ownsDatabase)
    return new RowSecurityNotReady({
      reason: `the user ${user} of DATABASE_URL does not own the database ${database}, so it sees no user's rows`,
      advice: `ALTER DATABASE ${quoted(database)} OWNER TO ${quoted(user)};`
    })
  if (roleSeesAll)
    return new RowSecurityNotReady({
      reason: `the role ${Caller.role} sees all rows`,
      advice: `ALTER ROLE ${Caller.role} NOSUPERUSER NOBYPASSRLS; and revoke the roles that ${Caller.role} has`
    })
  return mayBecome
    ? undefined
    : new RowSecurityNotReady({
        reason: `the user ${user} of DATABASE_URL may not become the role ${Caller.role}`,
        advice: `CREATE ROLE ${Caller.role} NOLOGIN; GRANT ${Caller.role} TO ${quoted(user)};`
      })
}

/** Fails unless the platform sees all rows, and may become a role that sees only a caller's. For the start, after the migrations. */
export const check = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const seesAll = (role: string) => sql`((SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = ${role})
    OR pg_has_role(${role}::name, 'pg_database_owner', 'USAGE'))`
  // Postgres cannot be asked for the rights of a role that does not exist.
  const unlessGone = (right: ReturnType<typeof seesAll>) => sql`CASE WHEN to_regrole(${Caller.role}) IS NULL THEN false ELSE ${right} END`
  const [user] = yield* sql<{ readonly name: string; readonly database: string; readonly membership: string }>`SELECT current_user AS name,
    current_database() AS database, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END AS membership`
  const { database, membership, name } = user ?? { name: "", database: "", membership: "" }
  const [rights] = yield* sql<Omit<Rights, "user" | "database">>`SELECT ${seesAll(name)} AS "ownsDatabase",
    ${unlessGone(sql`pg_has_role(${name}::name, ${Caller.role}::name, ${membership})`)} AS "mayBecome", ${unlessGone(seesAll(Caller.role))} AS "roleSeesAll"`
  const problem = rights === undefined ? yield* Effect.dieMessage("no answer about rights") : problemOf({ ...rights, user: name, database })
  if (problem !== undefined) return yield* problem
}).pipe(
  StoreError.guardRead,
  Effect.catchTag("StoreUnavailable", ({ cause }) => Effect.fail(Postgres.notReachable(cause))),
  Effect.withSpan("RowSecurity.check")
)
