import { Schema } from "effect"
import { Money } from "../Money.ts"
import { Condition, Watch } from "./AlertRule.ts"

/** alert.evt: an alert that fired. `seq` is the sequence of the message that made it fire, in the stream of its subject. */
export const AlertEvent = Schema.Struct({
  v: Schema.Literal(1),
  event_id: Schema.Int,
  as_of: Schema.String,
  seq: Schema.Int,
  owner: Schema.String,
  alert_id: Schema.Int,
  name: Schema.String,
  on: Watch,
  condition: Condition,
  threshold: Money,
  value: Money
})
export type AlertEvent = typeof AlertEvent.Type
