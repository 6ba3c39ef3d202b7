import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Option } from "effect"
import type { Condition, Input, State, Watch } from "../../domain/alerts/AlertRule.ts"
import { isIdentity } from "../../domain/Ids.ts"
import * as Money from "../../domain/Money.ts"
import { LimitReached } from "../LimitReached.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import * as AlertRows from "./AlertRows.ts"

/** The most alerts of one user. */
export const perUserMax = 100
/** The most events of a user that may wait for a webhook. Further events are not delivered, and their state says so. */
export const waitingPerUserMax = 1_000
/** Rows of one statement that deletes old events. */
const expireMax = 10_000

/** The address to which an alert's events are sent, and the secret that signs them. */
export interface Webhook {
  readonly url: string
  readonly secret: string
}
export interface NewAlert {
  readonly name: string
  readonly watch: Watch
  readonly condition: Condition
  readonly threshold: Money.Decimal
  readonly hysteresis: Money.Decimal
  readonly repeat: boolean
  readonly cooldownS: number
  readonly webhook: Webhook | null
  readonly state: State
}
/** Fields that are left out do not change. `state` is set if the rule changed: the alert begins again in that state. */
export type AlertPatch = {
  readonly [K in Exclude<keyof NewAlert, "watch" | "condition">]?: NewAlert[K] | undefined
} & { readonly status?: "active" | "paused" | undefined }

/** The effect of a message on an alert: its new state, and its event if it fired. */
export interface Step {
  readonly alert: AlertRepo.Alert
  readonly state: State
  readonly seq: number
  readonly event: typeof AlertRows.EventBody.Type | null
}

/** The place up to which an input's stream is decided: the stream's creation time, and a sequence. */
export interface Place {
  readonly input: Input
  readonly epoch: number
  readonly seq: number
}

const money = (value: Money.Decimal | undefined) => (value === undefined ? undefined : Money.format(value))

const steps = (sql: SqlClient.SqlClient) => {
  const fired = (step: Step, event: NonNullable<Step["event"]>) => {
    const { alertId, inputEpoch, owner, revision, webhookSecret, webhookUrl } = step.alert
    return Effect.gen(function* () {
      const [made] = yield* sql<{
        readonly id: string
      }>`INSERT INTO alert_events (alert_id, owner, input_epoch, input_seq, revision, body, as_of)
        VALUES (${alertId}, ${owner}, ${inputEpoch}, ${step.seq}, ${revision}, ${AlertRows.encodeBody(event)}::jsonb, ${event.as_of}::timestamptz)
        ON CONFLICT DO NOTHING RETURNING event_id AS id`
      if (made === undefined || webhookUrl === null || webhookSecret === null) return
      yield* sql`INSERT INTO alert_deliveries (event_id, owner, url, secret, state, error, ended_at)
        SELECT ${made.id}::bigint, ${owner}, ${webhookUrl}, ${webhookSecret}, CASE WHEN n < ${waitingPerUserMax} THEN 'waiting' ELSE 'dead' END,
          CASE WHEN n < ${waitingPerUserMax} THEN NULL ELSE 'too many events wait for your webhooks' END, CASE WHEN n < ${waitingPerUserMax} THEN NULL ELSE now() END
        FROM (SELECT count(*) AS n FROM alert_deliveries WHERE owner = ${owner} AND state = 'waiting') w`
    })
  }
  const reached = ({
    epoch,
    input,
    seq
  }: Place) => sql`INSERT INTO alert_places (source, input_epoch, input_seq) VALUES (${input}, ${epoch}, ${seq})
    ON CONFLICT (source) DO UPDATE SET input_epoch = excluded.input_epoch, input_seq = excluded.input_seq
    WHERE alert_places.input_epoch <> excluded.input_epoch OR alert_places.input_seq < excluded.input_seq`
  /**
   * Saves the steps. A step of an alert that was changed or removed meanwhile is not saved. If there is one, it returns false, and the
   * place stays.
   */
  return (all: ReadonlyArray<Step>, place: Place) =>
    Effect.forEach(all, (step) =>
      Effect.gen(function* () {
        const { alertId, revision } = step.alert
        const changed = yield* sql`UPDATE alerts SET state = ${step.state}, input_seq = ${step.seq},
              fired_at = coalesce(${step.event?.as_of ?? null}::timestamptz, fired_at)
            WHERE alert_id = ${alertId} AND revision = ${revision} AND input_epoch = ${step.alert.inputEpoch} AND input_seq < ${step.seq} RETURNING 1`
        if (changed.length > 0 && step.event !== null) yield* fired(step, step.event)
        return changed.length > 0
      })
    ).pipe(
      Effect.map((applied) => applied.every((one) => one)),
      Effect.tap((isWhole) => (isWhole ? reached(place) : Effect.void)),
      Postgres.transaction(sql)
    )
}

/** The statements for the deliveries of events. */
const deliveries = (sql: SqlClient.SqlClient) => ({
  delivered: (eventId: number) =>
    StoreError.guardRead(sql`UPDATE alert_deliveries SET state = 'delivered', attempts = attempts + 1, error = NULL, ended_at = now()
      WHERE event_id = ${eventId} AND state = 'waiting'`).pipe(Effect.asVoid, Effect.withSpan("AlertRepo.delivered")),
  /** Notes a failed attempt. The next attempt follows in `againInS` seconds; null if this was the last attempt. */
  undelivered: (eventId: number, error: string, againInS: number | null) =>
    StoreError.guardRead(sql`UPDATE alert_deliveries SET attempts = attempts + 1, error = ${error},
        state = CASE WHEN ${againInS === null} THEN 'dead' ELSE 'waiting' END, ended_at = CASE WHEN ${againInS === null} THEN now() END,
        due_at = now() + make_interval(secs => ${againInS ?? 0})
      WHERE event_id = ${eventId} AND state = 'waiting'`).pipe(Effect.asVoid, Effect.withSpan("AlertRepo.undelivered"))
})

/** Users' alerts and their events. Methods for users take the owner; the others are for the actors. */
export class AlertRepo extends Effect.Service<AlertRepo>()("store/alerts/AlertRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { count, due, history, historyCount, one, page, unpublished, watched } = AlertRows.reads(sql)
    const { insert, update } = AlertRows.writes(sql)
    const stepped = steps(sql)

    const create = (owner: string, of: NewAlert) =>
      Effect.gen(function* () {
        // Two requests of one user at once would both see room for the last alert.
        yield* sql`SELECT pg_advisory_xact_lock(hashtextextended(${owner}, 29))`
        if ((yield* count(owner)).total >= perUserMax) return yield* new LimitReached({ what: "alerts", field: "name", max: perUserMax })
        return yield* insert({ owner, of: { ...of, threshold: money(of.threshold), hysteresis: money(of.hysteresis) } })
      }).pipe(Postgres.transaction(sql))
    const remove = (owner: string, id: number) =>
      Effect.gen(function* () {
        const gone = yield* sql`DELETE FROM alerts WHERE owner = ${owner} AND alert_id = ${id} RETURNING 1`
        if (gone.length > 0) yield* sql`DELETE FROM alert_events WHERE owner = ${owner} AND alert_id = ${id}`
        return gone.length > 0
      }).pipe(Postgres.transaction(sql))
    const patched = (owner: string, id: number, patch: AlertPatch) =>
      update({ owner, id, patch: { ...patch, threshold: money(patch.threshold), hysteresis: money(patch.hysteresis) } })
    const ifCan = <A, E, R>(id: number, found: Effect.Effect<Option.Option<A>, E, R>) => (isIdentity(id) ? found : Effect.succeedNone)

    return {
      create: (owner: string, of: NewAlert) => StoreError.guard(create(owner, of)).pipe(Effect.withSpan("AlertRepo.create")),
      byId: (owner: string, id: number) => StoreError.guardRead(ifCan(id, one({ owner, id }))).pipe(Effect.withSpan("AlertRepo.byId")),
      /** By id. */
      list: (owner: string, limit: number, offset: number) =>
        Effect.all({ rows: page({ owner, limit, offset }), total: Effect.map(count(owner), ({ total }) => total) }).pipe(
          StoreError.guardRead,
          Effect.withSpan("AlertRepo.list")
        ),
      change: (owner: string, id: number, patch: AlertPatch) =>
        StoreError.guard(ifCan(id, patched(owner, id, patch))).pipe(Effect.withSpan("AlertRepo.change")),
      /** Removes an alert with its events. False if the owner has no such alert. */
      remove: (owner: string, id: number) =>
        StoreError.guardRead(isIdentity(id) ? remove(owner, id) : Effect.succeed(false)).pipe(Effect.withSpan("AlertRepo.remove")),
      /** The newest first. */
      events: (owner: string, id: number, limit: number, offset: number) =>
        Effect.all({
          rows: history({ owner, id, limit, offset }),
          total: Effect.map(historyCount({ owner, id }), ({ total }) => total)
        }).pipe(StoreError.guardRead, Effect.withSpan("AlertRepo.events")),
      /** Every alert that can still fire. */
      watched: StoreError.guardRead(watched()).pipe(Effect.withSpan("AlertRepo.watched")),
      /** Sets the place in the stream after which an alert is decided. */
      takeUp: ({ alertId, revision }: AlertRepo.Alert, epoch: number, seq: number) =>
        StoreError.guardRead(
          sql`UPDATE alerts SET input_epoch = ${epoch}, input_seq = ${seq} WHERE alert_id = ${alertId} AND revision = ${revision}`
        ).pipe(Effect.asVoid, Effect.withSpan("AlertRepo.takeUp")),
      /** The place up to which an input is decided. */
      place: (input: Input) =>
        Effect.map(
          StoreError.guardRead(
            sql<{ epoch: string; seq: string }>`SELECT input_epoch AS epoch, input_seq AS seq FROM alert_places WHERE source = ${input}`
          ),
          ([found]) => Option.map(Option.fromNullable(found), ({ epoch, seq }) => ({ epoch: Number(epoch), seq: Number(seq) }))
        ).pipe(Effect.withSpan("AlertRepo.place")),
      /**
       * Saves the effects of messages with the events and the place in one transaction. False if an alert was changed or removed meanwhile.
       */
      step: (all: ReadonlyArray<Step>, place: Place) => StoreError.guardRead(stepped(all, place)).pipe(Effect.withSpan("AlertRepo.step")),
      /** The oldest events that NATS does not have yet, in order. */
      unpublished: (limit: number) => StoreError.guardRead(unpublished(limit)).pipe(Effect.withSpan("AlertRepo.unpublished")),
      published: (eventIds: ReadonlyArray<number>) =>
        StoreError.guardRead(sql`UPDATE alert_events SET is_published = true WHERE event_id = ANY(${eventIds}::bigint[])`).pipe(
          Effect.asVoid,
          Effect.withSpan("AlertRepo.published")
        ),
      /** Deletes events that are older than `days` days, and returns how many. */
      expire: (days: number) =>
        Effect.map(
          StoreError.guardRead(sql`DELETE FROM alert_events WHERE event_id IN (SELECT event_id FROM alert_events
            WHERE created_at < now() - make_interval(days => ${days}) ORDER BY event_id LIMIT ${expireMax}) RETURNING 1`),
          (rows) => rows.length
        ).pipe(Effect.withSpan("AlertRepo.expire")),
      /** Deliveries whose time has come. */
      due: (limit: number, perOwner: number) => StoreError.guardRead(due({ limit, perOwner })).pipe(Effect.withSpan("AlertRepo.due")),
      ...deliveries(sql)
    } as const
  })
}) {}
export declare namespace AlertRepo {
  export type Alert = typeof AlertRows.Row.Type
  export type Event = typeof AlertRows.EventRow.Type
  export type History = typeof AlertRows.HistoryRow.Type
  export type Delivery = typeof AlertRows.Delivery.Type
}
