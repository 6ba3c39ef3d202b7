import { Schema } from "effect"
import { Money } from "../Money.ts"
import { Contract } from "./Reference.ts"

/** Origin of a final settlement price: the closing price of the underlying, or its future's last price if there is no spot. */
export const SettlementSource = Schema.Literal("underlying_close", "future_last_price")
export type SettlementSource = typeof SettlementSource.Type

/**
 * An event in the life of one instrument: it is streamed for the first time; its terms or its token changed; it expired; or its final
 * settlement price (rupees) became known.
 */
export const Happening = Schema.Union(
  Schema.Struct({ kind: Schema.Literal("listed"), contract: Contract }),
  Schema.Struct({ kind: Schema.Literal("changed"), contract: Contract, before: Contract }),
  Schema.Struct({ kind: Schema.Literal("expired"), contract: Contract, exchange: Schema.String }),
  Schema.Struct({
    kind: Schema.Literal("settled"),
    contract: Contract,
    /** The exchange that lists the contract: NFO. */
    exchange: Schema.String,
    price: Money,
    source: SettlementSource
  })
)
export type Happening = typeof Happening.Type

/** md.life.<exchange>.<underlying>: events of instruments of one underlying at one sequence of the record. */
export const Lives = Schema.Struct({
  v: Schema.Literal(1),
  as_of: Schema.String,
  seq: Schema.Int,
  exchange: Schema.String,
  underlying: Schema.String,
  happenings: Schema.Array(Happening)
})
export type Lives = typeof Lives.Type
