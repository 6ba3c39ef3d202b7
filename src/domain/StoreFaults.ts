import { Schema } from "effect"

/**
 * sys.store.<process>: the streams for which NATS answers publishes without storing them. It is published each second while there are any,
 * and once when there are none left.
 */
export const StoreFaults = Schema.Struct({
  v: Schema.Literal(1),
  as_of: Schema.String,
  /** The process that publishes and gets no acknowledgement. */
  process: Schema.String,
  faults: Schema.Array(
    Schema.Struct({
      stream: Schema.String,
      /** When the first publish that is not stored was sent. */
      since: Schema.String,
      /** The server's own words; null if it says nothing. */
      reason: Schema.NullOr(Schema.String)
    })
  )
})
export type StoreFaults = typeof StoreFaults.Type
