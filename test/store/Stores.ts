import { SqlClient } from "@effect/sql"
import { ConfigProvider, Effect, Layer } from "effect"
import * as Repositories from "../../src/Repositories.ts"
import { Migrated } from "../../src/store/Migrations.ts"
import { PostgresLive } from "../../src/store/Postgres.ts"
import * as Databases from "../Databases.ts"
import { migratedDatabase } from "../TestBackends.ts"

export const config = (values: Record<string, string>) => Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))

/** The product's own pool for the database at `url`. */
export const pool = (url: string, settings: Record<string, string> = {}) =>
  PostgresLive.pipe(Layer.provide(config({ DATABASE_URL: url, ...settings })))

/** Pool, migrations and repositories, composed as in main.ts: one start of the program with the database at `url`. */
export const started = (url: string, settings: Record<string, string> = {}) =>
  Repositories.layer.pipe(Layer.provideMerge(Migrated), Layer.provideMerge(pool(url, settings)))

/** The same with a new database, whose tables are empty. */
export const fresh = (settings: Record<string, string> = {}) =>
  Layer.unwrapScoped(Effect.map(migratedDatabase, (url) => started(url, settings)))

/** A second connection to a database, beside the product's pool. */
export const observer = Databases.client

/** True while a statement in this database waits for a lock of another one. */
export const isLockAwaited = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(
    sql`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    (waiting) => waiting.length > 0
  )
)
