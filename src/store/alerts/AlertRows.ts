/** The tables of alerts: their rows and their statements. */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Schema } from "effect"
import { AlertEvent } from "../../domain/alerts/AlertMessage.ts"
import { Condition, State, Watch } from "../../domain/alerts/AlertRule.ts"
import { BigIntColumn, NumericColumn, TimeColumn } from "../Columns.ts"

const Status = Schema.Literal("active", "paused")
const DeliveryState = Schema.Literal("waiting", "delivered", "dead")

export const Row = Schema.Struct({
  alertId: BigIntColumn,
  owner: Schema.String,
  name: Schema.String,
  watch: Watch,
  condition: Condition,
  threshold: NumericColumn,
  hysteresis: NumericColumn,
  repeat: Schema.Boolean,
  cooldownS: Schema.Int,
  status: Status,
  webhookUrl: Schema.NullOr(Schema.String),
  webhookSecret: Schema.NullOr(Schema.String),
  revision: Schema.Int,
  state: State,
  inputEpoch: Schema.NullOr(BigIntColumn),
  inputSeq: Schema.NullOr(BigIntColumn),
  firedAt: Schema.NullOr(TimeColumn),
  createdAt: TimeColumn,
  updatedAt: TimeColumn
})
/** An event as it is stored: its number is the row's. */
const { event_id: _eventId, ...body } = AlertEvent.fields
export const EventBody = Schema.Struct(body)
export const encodeBody = Schema.encodeSync(Schema.parseJson(EventBody))

export const EventRow = Schema.Struct({ eventId: BigIntColumn, body: EventBody })
export const HistoryRow = Schema.Struct({
  ...EventRow.fields,
  deliveryState: Schema.NullOr(DeliveryState),
  attempts: Schema.NullOr(Schema.Int),
  error: Schema.NullOr(Schema.String)
})
export const Delivery = Schema.Struct({
  ...EventRow.fields,
  url: Schema.String,
  secret: Schema.String,
  attempts: Schema.Int
})
const Count = Schema.Struct({ total: BigIntColumn })
const OfOwner = Schema.Struct({ owner: Schema.String, id: Schema.Int })

const columns = `alert_id AS "alertId", owner, name, watch, condition, threshold, hysteresis, repeat, cooldown_s AS "cooldownS", status,
  webhook_url AS "webhookUrl", webhook_secret AS "webhookSecret", revision, state, input_epoch AS "inputEpoch", input_seq AS "inputSeq",
  fired_at AS "firedAt", created_at AS "createdAt", updated_at AS "updatedAt"`

export const reads = (sql: SqlClient.SqlClient) => {
  const all = sql.literal(columns)
  return {
    one: SqlSchema.findOne({
      Request: OfOwner,
      Result: Row,
      execute: ({ id, owner }) => sql`SELECT ${all} FROM alerts WHERE owner = ${owner} AND alert_id = ${id}`
    }),
    page: SqlSchema.findAll({
      Request: Schema.Struct({ owner: Schema.String, limit: Schema.Int, offset: Schema.Int }),
      Result: Row,
      execute: ({ limit, offset, owner }) =>
        sql`SELECT ${all} FROM alerts WHERE owner = ${owner} ORDER BY alert_id LIMIT ${limit} OFFSET ${offset}`
    }),
    count: SqlSchema.single({
      Request: Schema.String,
      Result: Count,
      execute: (owner) => sql`SELECT count(*) AS total FROM alerts WHERE owner = ${owner}`
    }),
    /** Those that can still fire. */
    watched: SqlSchema.findAll({
      Request: Schema.Void,
      Result: Row,
      execute: () => sql`SELECT ${all} FROM alerts WHERE status = 'active' AND state <> 'done' ORDER BY alert_id`
    }),
    history: SqlSchema.findAll({
      Request: Schema.Struct({ owner: Schema.String, id: Schema.Int, limit: Schema.Int, offset: Schema.Int }),
      Result: HistoryRow,
      execute: ({ id, limit, offset, owner }) => sql`SELECT e.event_id AS "eventId", e.body, d.state AS "deliveryState", d.attempts, d.error
        FROM alert_events e LEFT JOIN alert_deliveries d USING (event_id)
        WHERE e.owner = ${owner} AND e.alert_id = ${id} ORDER BY e.event_id DESC LIMIT ${limit} OFFSET ${offset}`
    }),
    historyCount: SqlSchema.single({
      Request: OfOwner,
      Result: Count,
      execute: ({ id, owner }) => sql`SELECT count(*) AS total FROM alert_events WHERE owner = ${owner} AND alert_id = ${id}`
    }),
    unpublished: SqlSchema.findAll({
      Request: Schema.Int,
      Result: EventRow,
      execute: (limit) => sql`SELECT event_id AS "eventId", body FROM alert_events WHERE NOT is_published ORDER BY event_id LIMIT ${limit}`
    }),
    /** The due deliveries, with a limit for each owner, so that one owner's slow receiver does not delay the others. */
    due: SqlSchema.findAll({
      Request: Schema.Struct({ limit: Schema.Int, perOwner: Schema.Int }),
      Result: Delivery,
      execute: ({ limit, perOwner }) => sql`SELECT event_id AS "eventId", body, url, secret, attempts FROM (
          SELECT d.*, e.body, row_number() OVER (PARTITION BY d.owner ORDER BY d.due_at, d.event_id) AS nth
          FROM alert_deliveries d JOIN alert_events e USING (event_id) WHERE d.state = 'waiting' AND d.due_at <= now()) n
        WHERE nth <= ${perOwner} ORDER BY due_at, event_id LIMIT ${limit}`
    })
  }
}

export const writes = (sql: SqlClient.SqlClient) => {
  const all = sql.literal(columns)
  return {
    insert: SqlSchema.single({
      Request: Schema.Struct({ owner: Schema.String, of: Schema.Any }),
      Result: Row,
      execute: ({
        of,
        owner
      }) => sql`INSERT INTO alerts (owner, name, watch, condition, threshold, hysteresis, repeat, cooldown_s, webhook_url,
          webhook_secret, state)
        VALUES (${owner}, ${of.name}, ${JSON.stringify(of.watch)}::jsonb, ${of.condition}, ${of.threshold}::numeric, ${of.hysteresis}::numeric,
          ${of.repeat}, ${of.cooldownS}, ${of.webhook?.url ?? null}, ${of.webhook?.secret ?? null}, ${of.state}) RETURNING ${all}`
    }),
    /** Updates an alert. A changed rule begins again in `state`. */
    update: SqlSchema.findOne({
      Request: Schema.Struct({ owner: Schema.String, id: Schema.Int, patch: Schema.Any }),
      Result: Row,
      execute: ({ id, owner, patch }) => {
        const begins = patch.state !== undefined
        return sql`UPDATE alerts SET name = coalesce(${patch.name ?? null}, name),
          threshold = coalesce(${patch.threshold ?? null}::numeric, threshold), hysteresis = coalesce(${patch.hysteresis ?? null}::numeric, hysteresis),
          repeat = coalesce(${patch.repeat ?? null}::boolean, repeat), cooldown_s = coalesce(${patch.cooldownS ?? null}::int, cooldown_s),
          status = coalesce(${patch.status ?? null}, status),
          webhook_url = CASE WHEN ${patch.webhook === undefined} THEN webhook_url ELSE ${patch.webhook?.url ?? null} END,
          webhook_secret = CASE WHEN ${patch.webhook === undefined} THEN webhook_secret ELSE ${patch.webhook?.secret ?? null} END,
          state = coalesce(${patch.state ?? null}, state), input_epoch = CASE WHEN ${begins} THEN NULL ELSE input_epoch END,
          input_seq = CASE WHEN ${begins} THEN NULL ELSE input_seq END, revision = revision + 1, updated_at = now()
          WHERE owner = ${owner} AND alert_id = ${id} RETURNING ${all}`
      }
    })
  }
}
