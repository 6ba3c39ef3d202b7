import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, type Either, Schema } from "effect"
import * as Entries from "../../domain/rules/Entries.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"

/** The most entries of the whole calendar. Ten years of all exchanges' days are a few thousand. */
export const entriesMax = 10_000

const Stored = Schema.Struct({ entryId: BigIntColumn, entry: Entries.Entry })
type Stored = typeof Stored.Type

const Action = Schema.Literal("created", "changed", "deleted")
const Change = Schema.Struct({
  version: BigIntColumn,
  entryId: BigIntColumn,
  action: Action,
  /** The deleted entry, or the one now in force. */
  entry: Entries.Entry,
  changedBy: Schema.String,
  changedAt: TimeColumn
})

/** One step of a write: the action and its entry. */
export type Step =
  | { readonly action: "created"; readonly entry: Entries.Entry }
  | { readonly action: "changed" | "deleted"; readonly entryId: number; readonly entry: Entries.Entry }

const encodeEntry = Schema.encodeSync(Schema.parseJson(Entries.Entry))

/** Administrators' additions to the shipped rules, with who changed them and when. */
export class CalendarRepo extends Effect.Service<CalendarRepo>()("store/calendar/CalendarRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const all = SqlSchema.findAll({
      Request: Schema.Void,
      Result: Stored,
      execute: () => sql`SELECT entry_id AS "entryId", entry FROM calendar_entries ORDER BY entry_id`
    })
    const version = SqlSchema.single({
      Request: Schema.Void,
      Result: Schema.Struct({ version: BigIntColumn }),
      execute: () => sql`SELECT coalesce(max(version), 0) AS version FROM calendar_changes`
    })
    const identity = SqlSchema.single({
      Request: Schema.Struct({ entry: Schema.String, by: Schema.String }),
      Result: Schema.Struct({ entryId: BigIntColumn }),
      execute: ({ entry, by }) =>
        sql`INSERT INTO calendar_entries (entry, created_by) VALUES (${entry}::jsonb, ${by}) RETURNING entry_id AS "entryId"`
    })
    const changes = SqlSchema.findAll({
      Request: Schema.Struct({ limit: Schema.Int, offset: Schema.Int }),
      Result: Change,
      execute: ({ limit, offset }) => sql`SELECT version, entry_id AS "entryId", action, entry, changed_by AS "changedBy",
        changed_at AS "changedAt" FROM calendar_changes ORDER BY version DESC LIMIT ${limit} OFFSET ${offset}`
    })
    const count = SqlSchema.single({
      Request: Schema.Void,
      Result: Schema.Struct({ total: BigIntColumn }),
      execute: () => sql`SELECT count(*) AS total FROM calendar_changes`
    })

    const apply = (step: Step, by: string) =>
      Effect.gen(function* () {
        const entry = encodeEntry(step.entry)
        const entryId = step.action === "created" ? (yield* identity({ entry, by })).entryId : step.entryId
        if (step.action === "changed") yield* sql`UPDATE calendar_entries SET entry = ${entry}::jsonb WHERE entry_id = ${entryId}`
        if (step.action === "deleted") yield* sql`DELETE FROM calendar_entries WHERE entry_id = ${entryId}`
        yield* sql`INSERT INTO calendar_changes (entry_id, action, entry, changed_by)
          VALUES (${entryId}, ${step.action}, ${entry}::jsonb, ${by})`
        return entryId
      })

    // One writer at a time: a plan sees the results of earlier writers, and versions become visible in order.
    const write = <E>(by: string, plan: (stored: ReadonlyArray<Stored>) => Either.Either<ReadonlyArray<Step>, E>) =>
      Effect.gen(function* () {
        yield* sql`LOCK TABLE calendar_entries IN SHARE ROW EXCLUSIVE MODE`
        const steps = yield* plan(yield* all())
        return yield* Effect.forEach(steps, (step) => apply(step, by))
      }).pipe(Postgres.transaction(sql))

    const current = Effect.gen(function* () {
      yield* sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`
      return { version: (yield* version()).version, stored: yield* all() }
    }).pipe(Postgres.transaction(sql))

    return {
      /** Executes the plan made from the stored entries, completely or not at all. Returns the ids of the steps in order. */
      write: <E>(by: string, plan: (stored: ReadonlyArray<Stored>) => Either.Either<ReadonlyArray<Step>, E>) =>
        StoreError.guard(write(by, plan)).pipe(Effect.withSpan("CalendarRepo.write")),
      /** All entries, and the version of the newest change; 0 before the first. */
      current: StoreError.guardRead(current).pipe(Effect.withSpan("CalendarRepo.current")),
      /** Newest first. */
      changes: (query: { readonly limit: number; readonly offset: number }) =>
        Effect.all({ rows: changes(query), total: Effect.map(count(), ({ total }) => total) }).pipe(
          StoreError.guardRead,
          Effect.withSpan("CalendarRepo.changes")
        )
    } as const
  })
}) {}
export declare namespace CalendarRepo {
  export type Stored = typeof Stored.Type
  export type Change = typeof Change.Type
}
