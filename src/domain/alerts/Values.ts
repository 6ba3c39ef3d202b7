import { Option } from "effect"
import * as Money from "../Money.ts"
import type { TickerStatus } from "../market/TickerStatus.ts"
import type * as ChainMessage from "../options/ChainMessage.ts"
import type * as StrategyMessage from "../strategy/StrategyMessage.ts"
import type { Watch } from "./AlertRule.ts"

type Of<S extends Watch["source"]> = Extract<Watch, { readonly source: S }>
type Value = Option.Option<Money.Decimal>

const ofNumber = (value: number | null | undefined): Value =>
  value === null || value === undefined || !Number.isFinite(value) ? Option.none() : Option.some(Money.ofNumber(value))

/** None if the message does not have the instrument, or no value of the field. */
export const ofTicks = ({ field, instrument_token }: Of<"instrument">, { columns }: ChainMessage.Ticks): Value => {
  const row = columns.instrument_token.indexOf(instrument_token)
  return row < 0 ? Option.none() : ofNumber(columns[field][row])
}

export const ofMark = ({ field }: Of<"strategy">, mark: StrategyMessage.Mark): Value => {
  const value = mark[field]
  return typeof value === "number" ? ofNumber(value) : Option.fromNullable(value)
}

export const ofTicker = ({ field }: Of<"feed">, status: TickerStatus): Value => {
  if (field === "is_streaming") return ofNumber(status.state === "streaming" ? 1 : 0)
  if (field === "dropped") return ofNumber(status.backpressure?.dropped)
  return ofNumber(status.last_tick_at === null ? null : Math.max(0, Date.parse(status.as_of) - Date.parse(status.last_tick_at)) / 1_000)
}

interface Row {
  readonly price: number | null
  readonly iv: number | null
}

/** The newest rows of a chain, as far as alerts need them. Folds `opt.chain` and `opt.delta` in their order. */
export class ChainRows {
  private readonly rows = new Map<string, Row>()
  /** The OPT sequence of the newest delta in the rows. */
  private covered = 0

  /** `seq` is the message's sequence in its stream. A delta that the keyframe includes changes nothing. */
  fold({ columns, delta_seq, kind }: ChainMessage.Chain, seq: number): void {
    if (kind === "delta" && seq <= this.covered) return
    this.covered = Math.max(this.covered, kind === "chain" ? (delta_seq ?? 0) : seq)
    for (const [at, strike] of columns.strike.entries())
      this.rows.set(`${strike} ${columns.side[at]}`, { price: columns.last_price[at] ?? null, iv: columns.iv[at] ?? null })
  }

  /** Call and put at the money, as one value; none while either has none. */
  private both(
    atm: number | null,
    of: (row: Row) => number | null,
    join: (call: Money.Decimal, put: Money.Decimal) => Money.Decimal
  ): Value {
    const value = (side: "CE" | "PE") => {
      const row = this.rows.get(`${atm} ${side}`)
      return ofNumber(row === undefined ? null : of(row))
    }
    return Option.zipWith(value("CE"), value("PE"), join)
  }

  value({ field }: Of<"chain">, chain: ChainMessage.Chain): Value {
    if (field === "straddle")
      return this.both(
        chain.atm_strike,
        ({ price }) => price,
        (call, put) => call.plus(put)
      )
    if (field === "atm_iv")
      return this.both(
        chain.atm_strike,
        ({ iv }) => iv,
        (call, put) => call.plus(put).div(2)
      )
    return ofNumber(chain[field])
  }
}
