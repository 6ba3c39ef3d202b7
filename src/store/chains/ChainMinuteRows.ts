import { Schema } from "effect"
import type * as ChainMessage from "../../domain/options/ChainMessage.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"

/** A chain at the start of a minute. Prices are rupees; the units of the rest are those of `opt.minute`. */
export interface NewChain {
  readonly exchange: string
  readonly underlying: string
  /** "YYYY-MM-DD". */
  readonly expiry: string
  readonly at: Date
  readonly asOf: Date
  readonly spot: number | null
  readonly forward: number | null
  readonly forwardSource: ChainMessage.Chain["forward_source"]
  readonly atmStrike: number | null
  readonly atmIv: number | null
  readonly maxPain: number | null
  readonly pcrOi: number | null
  readonly pcrVolume: number | null
  readonly callOi: number
  readonly putOi: number
  readonly convention: string
  readonly strikes: ReadonlyArray<NewStrike>
}

/** One option of a chain. `exchange` is the option's exchange, on which its tradingsymbol is unique. */
export interface NewStrike {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly strike: number
  readonly side: "CE" | "PE"
  readonly instrumentToken: number
  readonly lastPrice: number | null
  readonly bid: number | null
  readonly ask: number | null
  readonly volume: number | null
  readonly oi: number | null
  readonly oiChange: number | null
  readonly iv: number | null
  readonly delta: number | null
  readonly gamma: number | null
  readonly theta: number | null
  readonly vega: number | null
  readonly rho: number | null
  readonly quality: ChainMessage.Quality
}

/** A decimal column as a number. Nothing is lost, because the stored text is the shortest text of the published number. */
const Decimal = Schema.NumberFromString
const DecimalOrNull = Schema.NullOr(Decimal)
const CountOrNull = Schema.NullOr(BigIntColumn)
const RealOrNull = Schema.NullOr(Schema.Number)

/** A stored chain. `at` is when its minute begins. */
export const StoredChain = Schema.Struct({
  at: TimeColumn,
  expiry: Schema.String,
  spot: DecimalOrNull,
  forward: DecimalOrNull,
  atmStrike: DecimalOrNull,
  atmIv: RealOrNull,
  maxPain: DecimalOrNull,
  pcrOi: RealOrNull,
  pcrVolume: RealOrNull,
  callOi: BigIntColumn,
  putOi: BigIntColumn
})
export type StoredChain = typeof StoredChain.Type

/** A stored option, with the forward of its chain in that minute. */
export const StoredStrike = Schema.Struct({
  at: TimeColumn,
  forward: DecimalOrNull,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  strike: Decimal,
  side: Schema.Literal("CE", "PE"),
  instrumentToken: BigIntColumn,
  lastPrice: DecimalOrNull,
  bid: DecimalOrNull,
  ask: DecimalOrNull,
  volume: CountOrNull,
  oi: CountOrNull,
  oiChange: CountOrNull,
  iv: RealOrNull,
  delta: RealOrNull,
  gamma: RealOrNull,
  theta: RealOrNull,
  vega: RealOrNull,
  rho: RealOrNull,
  quality: Schema.String
})
export type StoredStrike = typeof StoredStrike.Type
