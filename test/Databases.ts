import { existsSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import { exclusively } from "../scripts/lib/lock.mjs"
import * as Migrations from "../src/store/Migrations.ts"

/** The server of a run, and the run's folder for temporary files. */
export interface Server {
  readonly postgres: string
  readonly folder: string
}

const client = (url: string) => PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })

/** Runs one statement as the server's administrator. */
export const asAdmin = ({ postgres }: Server, statement: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(statement)).pipe(Effect.provide(client(postgres)), Effect.scoped, Effect.orDie)

export const urlOf = ({ postgres }: Server, database: string): string => {
  const url = new URL(postgres)
  url.pathname = `/${database}`
  return url.href
}

const migratedName = ({ folder }: Server): string => `t_migrated_${basename(folder).replaceAll(/\W/g, "_")}`

const migrate = (server: Server, name: string) =>
  Effect.gen(function* () {
    yield* asAdmin(server, `DROP DATABASE IF EXISTS ${name}`) // of a killed run
    yield* asAdmin(server, `CREATE DATABASE ${name}`)
    yield* Effect.scoped(Layer.build(Migrations.Migrated.pipe(Layer.provide(client(urlOf(server, name))))))
  })

/**
 * The name of the run's database that has the platform's schema and no rows. Tests copy it, because a copy takes a tenth of the time that the
 * migrations take. The first test that needs it makes it.
 */
export const migrated = (server: Server): Effect.Effect<string> =>
  Effect.promise(async () => {
    const name = migratedName(server)
    const marker = join(server.folder, name)
    if (existsSync(marker)) return name
    await exclusively(name, async () => {
      if (existsSync(marker)) return
      await Effect.runPromise(migrate(server, name))
      writeFileSync(marker, "")
    })
    return name
  })

/** Drops what `migrated` made: a developer's own server outlives the run. */
export const dropMigrated = async (server: Server): Promise<void> => {
  const name = migratedName(server)
  if (existsSync(join(server.folder, name))) await Effect.runPromise(asAdmin(server, `DROP DATABASE ${name}`))
}
