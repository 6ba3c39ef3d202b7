import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Option, Schema } from "effect"
import { isIdentity } from "../../domain/Ids.ts"
import * as LabelMessage from "../../domain/labels/LabelMessage.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import { LimitReached } from "../LimitReached.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"

/** The most labels of one user. */
export const perUserMax = 5_000

export interface NewLabel {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly at: Date
  readonly place: LabelMessage.Place
  readonly label: string
  readonly text: string
  readonly color: string
}
/** Fields that are left out do not change. */
export interface LabelPatch {
  readonly at?: Date | undefined
  readonly place?: LabelMessage.Place | undefined
  readonly label?: string | undefined
  readonly text?: string | undefined
  readonly color?: string | undefined
}
/** Labels of a user, of one instrument if it is named, with both ends of the span included. */
export interface Query {
  readonly instrument: { readonly exchange: string; readonly tradingsymbol: string } | undefined
  readonly place?: LabelMessage.Place | undefined
  readonly from: Date | undefined
  readonly to: Date | undefined
}

const Row = Schema.Struct({
  labelId: BigIntColumn,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  at: TimeColumn,
  place: LabelMessage.Place,
  label: Schema.String,
  text: Schema.String,
  color: Schema.String,
  createdAt: TimeColumn,
  updatedAt: TimeColumn
})
const Event = Schema.Struct({
  eventId: BigIntColumn,
  owner: Schema.String,
  change: LabelMessage.Change,
  label: LabelMessage.Label,
  createdAt: TimeColumn
})
const Count = Schema.Struct({ total: BigIntColumn })

const labelOf = (row: typeof Row.Type): LabelMessage.Label => ({
  label_id: row.labelId,
  exchange: row.exchange,
  tradingsymbol: row.tradingsymbol,
  time: row.at.toISOString(),
  place: row.place,
  label: row.label,
  text: row.text,
  color: row.color,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString()
})

const statements = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(
    `label_id AS "labelId", exchange, tradingsymbol, at, place, label, text, color, created_at AS "createdAt", updated_at AS "updatedAt"`
  )
  const one = { Request: Schema.Unknown, Result: Row }
  const insert = SqlSchema.single({
    ...one,
    Request: Schema.Struct({ owner: Schema.String, of: Schema.Any }),
    execute: ({ owner, of }) => sql`INSERT INTO labels (owner, exchange, tradingsymbol, at, place, label, text, color)
      VALUES (${owner}, ${of.exchange}, ${of.tradingsymbol}, ${of.at}, ${of.place}, ${of.label}, ${of.text}, ${of.color})
      RETURNING ${columns}`
  })
  const update = SqlSchema.findOne({
    Request: Schema.Struct({ owner: Schema.String, id: Schema.Int, patch: Schema.Any }),
    Result: Row,
    execute: ({ owner, id, patch }) => sql`UPDATE labels SET at = coalesce(${patch.at ?? null}::timestamptz, at),
      place = coalesce(${patch.place ?? null}, place), label = coalesce(${patch.label ?? null}, label),
      text = coalesce(${patch.text ?? null}, text), color = coalesce(${patch.color ?? null}, color), updated_at = now()
      WHERE owner = ${owner} AND label_id = ${id} RETURNING ${columns}`
  })
  const remove = SqlSchema.findOne({
    Request: Schema.Struct({ owner: Schema.String, id: Schema.Int }),
    Result: Row,
    execute: ({ owner, id }) => sql`DELETE FROM labels WHERE owner = ${owner} AND label_id = ${id} RETURNING ${columns}`
  })
  const matches = (owner: string, { instrument, place, from, to }: Query) =>
    sql.and([
      sql`owner = ${owner}`,
      ...(instrument === undefined ? [] : [sql`exchange = ${instrument.exchange}`, sql`tradingsymbol = ${instrument.tradingsymbol}`]),
      ...(place === undefined ? [] : [sql`place = ${place}`]),
      ...(from === undefined ? [] : [sql`at >= ${from}`]),
      ...(to === undefined ? [] : [sql`at <= ${to}`])
    ])
  const rows = Schema.decodeUnknown(Schema.Array(Row))
  const count = Schema.decodeUnknown(Schema.Tuple(Count))
  const page = (owner: string, query: Query, limit: number, offset: number) =>
    Effect.flatMap(
      sql`SELECT ${columns} FROM labels WHERE ${matches(owner, query)} ORDER BY at, label_id LIMIT ${limit} OFFSET ${offset}`,
      (found) => Effect.orDie(rows(found))
    )
  const newest = (owner: string, query: Query, limit: number) =>
    Effect.flatMap(
      sql`SELECT * FROM (SELECT ${columns} FROM labels WHERE ${matches(owner, query)} ORDER BY at DESC, label_id DESC LIMIT ${limit}) n
        ORDER BY at, "labelId"`,
      (found) => Effect.orDie(rows(found))
    )
  const total = (owner: string, query: Query) =>
    Effect.flatMap(sql`SELECT count(*) AS total FROM labels WHERE ${matches(owner, query)}`, (found) =>
      Effect.map(Effect.orDie(count(found)), ([{ total }]) => total)
    )
  const announce = (owner: string, change: LabelMessage.Change, label: LabelMessage.Label) =>
    sql`INSERT INTO label_outbox (owner, change, label) VALUES (${owner}, ${change}, ${JSON.stringify(label)}::jsonb)`
  const waiting = SqlSchema.findAll({
    Request: Schema.Int,
    Result: Event,
    execute: (limit) => sql`SELECT event_id AS "eventId", owner, change, label, created_at AS "createdAt" FROM label_outbox
      ORDER BY event_id LIMIT ${limit}`
  })
  return { insert, update, remove, page, newest, total, announce, waiting }
}

const everything: Query = { instrument: undefined, from: undefined, to: undefined }

/** Users' labels. Every look-up names the owner. Each change writes its event in the same transaction. */
export class LabelRepo extends Effect.Service<LabelRepo>()("store/labels/LabelRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { announce, insert, newest, page, remove, total, update, waiting } = statements(sql)

    const create = (owner: string, of: NewLabel) =>
      Effect.gen(function* () {
        // Two requests of one user at once would both see room for the last label.
        yield* sql`SELECT pg_advisory_xact_lock(hashtextextended(${owner}, 25))`
        if ((yield* total(owner, everything)) >= perUserMax)
          return yield* new LimitReached({ what: "labels", field: "symbol", max: perUserMax })
        const label = labelOf(yield* insert({ owner, of }))
        yield* announce(owner, "created", label)
        return label
      }).pipe(Postgres.transaction(sql))
    /** A change of one label with its event; none if the owner has no such label. */
    const changed = <E, R>(owner: string, change: LabelMessage.Change, row: Effect.Effect<Option.Option<typeof Row.Type>, E, R>) =>
      Effect.gen(function* () {
        const label = Option.map(yield* row, labelOf)
        if (Option.isSome(label)) yield* announce(owner, change, label.value)
        return label
      }).pipe(Postgres.transaction(sql))

    return {
      create: (owner: string, of: NewLabel) => StoreError.guard(create(owner, of)).pipe(Effect.withSpan("LabelRepo.create")),
      change: (owner: string, id: number, patch: LabelPatch) =>
        StoreError.guard(isIdentity(id) ? changed(owner, "changed", update({ owner, id, patch })) : Effect.succeedNone).pipe(
          Effect.withSpan("LabelRepo.change")
        ),
      remove: (owner: string, id: number) =>
        StoreError.guardRead(isIdentity(id) ? changed(owner, "removed", remove({ owner, id })) : Effect.succeedNone).pipe(
          Effect.withSpan("LabelRepo.remove")
        ),
      /** Ascending by time. */
      list: (owner: string, query: Query, limit: number, offset: number) =>
        Effect.all({ labels: Effect.map(page(owner, query, limit, offset), (rows) => rows.map(labelOf)), total: total(owner, query) }).pipe(
          StoreError.guardRead,
          Effect.withSpan("LabelRepo.list")
        ),
      /** The newest `limit` labels of the span, ascending by time. */
      newest: (owner: string, query: Query, limit: number) =>
        StoreError.guardRead(Effect.map(newest(owner, query, limit), (rows) => rows.map(labelOf))).pipe(
          Effect.withSpan("LabelRepo.newest")
        ),
      /** The oldest events that are not published yet, in order. */
      waiting: (limit: number) => StoreError.guardRead(waiting(limit)).pipe(Effect.withSpan("LabelRepo.waiting")),
      published: (eventIds: ReadonlyArray<number>) =>
        StoreError.guardRead(sql`DELETE FROM label_outbox WHERE event_id = ANY(${eventIds}::bigint[])`).pipe(
          Effect.asVoid,
          Effect.withSpan("LabelRepo.published")
        )
    } as const
  })
}) {}
export declare namespace LabelRepo {
  export type Event = typeof Event.Type
}
