import { randomBytes } from "node:crypto"
import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"
import * as Caller from "../../../src/store/owners/Caller.ts"
import * as Databases from "../../Databases.ts"

/** Runs statements on the database at `url` as its user. */
export const at = (url: string, statements: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statements)).pipe(
    Effect.provide(Databases.client(url)),
    Effect.scoped,
    Effect.orDie
  )

/** A user of the server at `admin` without any right of an administrator. `rights` are attributes such as CREATEROLE. */
export const ordinaryUser = (admin: string, rights = "") =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const name = `u_${randomBytes(6).toString("hex")}`
      const password = randomBytes(12).toString("hex")
      return Effect.as(at(admin, `CREATE ROLE ${name} LOGIN PASSWORD '${password}' ${rights}`), { name, password })
    }),
    ({ name }) => at(admin, `REVOKE ${Caller.role} FROM ${name}; DROP ROLE ${name}`)
  )

/** The address of a database for another user. */
export const asUser = (url: string, { name, password }: { readonly name: string; readonly password: string }): string => {
  const own = new URL(url)
  own.username = name
  own.password = password
  return own.href
}

/** Makes the callers' role as an administrator does, and lets a user become it. */
export const grantRole = (admin: string, name: string) =>
  at(
    admin,
    `DO $$ BEGIN CREATE ROLE ${Caller.role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
      GRANT ${Caller.role} TO ${name}`
  )
