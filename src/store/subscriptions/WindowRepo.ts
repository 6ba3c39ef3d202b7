import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import * as StoreError from "../StoreError.ts"
import { Mode } from "./SubscriptionRows.ts"

/** Windows per user. More would only cover the same few underlyings. */
export const windowsPerUserMax = 50

const NewWindow = Schema.Struct({
  exchange: Schema.String,
  underlying: Schema.String,
  expiries: Schema.Int,
  strikes: Schema.Int,
  requestedMode: Mode,
  createdBy: Schema.String
})
export type NewWindow = typeof NewWindow.Type

const Window = Schema.Struct({ windowId: BigIntColumn, ...NewWindow.fields, createdAt: TimeColumn })
type Window = typeof Window.Type

/** Windows of strikes that follow the spot price. */
export class WindowRepo extends Effect.Service<WindowRepo>()("store/WindowRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const columns = sql.literal(`window_id AS "windowId", exchange, underlying, expiries, strikes, requested_mode AS "requestedMode",
      created_by AS "createdBy", created_at AS "createdAt"`)
    // Count and insert are one statement, so two concurrent requests rarely both take the last place.
    const insert = SqlSchema.findOne({
      Request: NewWindow,
      Result: Window,
      execute: (it) => sql`INSERT INTO subscription_windows (exchange, underlying, expiries, strikes, requested_mode, created_by)
        SELECT ${it.exchange}, ${it.underlying}, ${it.expiries}::int, ${it.strikes}::int, ${it.requestedMode}, ${it.createdBy}
        WHERE (SELECT count(*) FROM subscription_windows WHERE created_by = ${it.createdBy}) < ${windowsPerUserMax}
        RETURNING ${columns}`
    })
    const byId = SqlSchema.findOne({
      Request: Schema.Int,
      Result: Window,
      execute: (id) => sql`SELECT ${columns} FROM subscription_windows WHERE window_id = ${id}`
    })
    const page = SqlSchema.findAll({
      Request: Schema.Struct({ limit: Schema.Int, offset: Schema.Int }),
      Result: Window,
      execute: ({ limit, offset }) => sql`SELECT ${columns} FROM subscription_windows ORDER BY window_id LIMIT ${limit} OFFSET ${offset}`
    })
    const all = SqlSchema.findAll({
      Request: Schema.Void,
      Result: Window,
      execute: () => sql`SELECT ${columns} FROM subscription_windows ORDER BY window_id`
    })
    const count = SqlSchema.single({
      Request: Schema.Void,
      Result: Schema.Struct({ total: BigIntColumn }),
      execute: () => sql`SELECT count(*) AS total FROM subscription_windows`
    })
    return {
      /** None if the user already has the maximum number of windows. */
      create: (it: NewWindow) => StoreError.guard(insert(it)).pipe(Effect.withSpan("WindowRepo.create")),
      byId: (id: number) => StoreError.guardRead(byId(id)).pipe(Effect.withSpan("WindowRepo.byId")),
      list: (query: { readonly limit: number; readonly offset: number }) =>
        Effect.all({ rows: page(query), total: Effect.map(count(), ({ total }) => total) }).pipe(
          StoreError.guardRead,
          Effect.withSpan("WindowRepo.list")
        ),
      all: StoreError.guardRead(all()).pipe(Effect.withSpan("WindowRepo.all")),
      remove: (id: number) =>
        Effect.asVoid(StoreError.guard(sql`DELETE FROM subscription_windows WHERE window_id = ${id}`)).pipe(
          Effect.withSpan("WindowRepo.remove")
        )
    } as const
  })
}) {}
export declare namespace WindowRepo {
  export type Row = Window
}
