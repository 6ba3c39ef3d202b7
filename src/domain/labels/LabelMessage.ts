import { Schema } from "effect"

/** Where a chart shows a label: at a bar, or below the time scale. */
export const Place = Schema.Literal("bar", "timescale")
export type Place = typeof Place.Type

/** A user's note on an instrument at an instant. `label` is the short text inside the mark, `text` the long one. */
export const Label = Schema.Struct({
  label_id: Schema.Int,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  time: Schema.String,
  place: Place,
  label: Schema.String,
  text: Schema.String,
  color: Schema.String,
  created_at: Schema.String,
  updated_at: Schema.String
}).annotations({ identifier: "Label" })
export type Label = typeof Label.Type

export const Change = Schema.Literal("created", "changed", "removed")
export type Change = typeof Change.Type

/** label.evt: a label after a change; one that was removed as it was. `event_id` recognises a message that comes twice. */
export const LabelEvent = Schema.Struct({
  v: Schema.Literal(1),
  event_id: Schema.Int,
  as_of: Schema.String,
  owner: Schema.String,
  change: Change,
  label: Label
})
export type LabelEvent = typeof LabelEvent.Type
