import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Layer, Redacted } from "effect"
import { exclusively } from "../scripts/lib/lock.mjs"
import * as Migrations from "../src/store/Migrations.ts"
import { waitMsMax } from "./Patience.ts"

/** The server of a run, and the run's folder for temporary files. */
export interface Server {
  readonly postgres: string
  readonly folder: string
}

/** One connection for a test. A busy machine may need long until a new connection is there, and until a database is copied or dropped. */
export const client = (url: string) =>
  PgClient.layer({ url: Redacted.make(url), maxConnections: 1, connectTimeout: Duration.millis(waitMsMax) })

/** Runs one statement as the server's administrator. */
export const asAdmin = ({ postgres }: Server, statement: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(statement)).pipe(Effect.provide(client(postgres)), Effect.scoped, Effect.orDie)

export const urlOf = ({ postgres }: Server, database: string): string => {
  const url = new URL(postgres)
  url.pathname = `/${database}`
  return url.href
}

/** The file that has the name of the run's migrated database. */
const markerOf = ({ folder }: Server): string => join(folder, "migrated-database")

const migrate = (server: Server, name: string) =>
  Effect.gen(function* () {
    yield* asAdmin(server, `CREATE DATABASE ${name}`)
    yield* Effect.scoped(Layer.build(Migrations.Migrated.pipe(Layer.provide(client(urlOf(server, name))))))
  })

/**
 * The name of the run's database that has the platform's schema and no rows. Tests copy it, because a copy takes a tenth of the time that the
 * migrations take. The first test that needs it makes it.
 */
export const migrated = (server: Server): Effect.Effect<string> =>
  Effect.promise(async () => {
    const marker = markerOf(server)
    if (!existsSync(marker))
      await exclusively("test-migrated-database", async () => {
        if (existsSync(marker)) return
        const name = `t_migrated_${randomBytes(6).toString("hex")}`
        await Effect.runPromise(migrate(server, name))
        writeFileSync(`${marker}-unfinished`, name)
        renameSync(`${marker}-unfinished`, marker)
      })
    return readFileSync(marker, "utf8")
  })

/** Drops what `migrated` made: a developer's own server outlives the run. */
export const dropMigrated = async (server: Server): Promise<void> => {
  const marker = markerOf(server)
  if (existsSync(marker)) await Effect.runPromise(asAdmin(server, `DROP DATABASE ${readFileSync(marker, "utf8")}`))
}
