import { Schema } from "effect"

/** sys.writer.<name>: the status of one writer to Postgres, published once a second and on every failure. */
export const WriterStatus = Schema.Struct({
  v: Schema.Literal(1),
  as_of: Schema.String,
  name: Schema.String,
  /** writing: nothing waits, or the waiting messages are being saved · stalled: messages wait and none is saved · failed: see detail. */
  state: Schema.Literal("writing", "stalled", "failed"),
  detail: Schema.NullOr(Schema.String),
  /** Messages that are not acknowledged yet. */
  waiting: Schema.Int
})
export type WriterStatus = typeof WriterStatus.Type
