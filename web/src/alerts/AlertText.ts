import type { Decimal } from "../../../src/client/Client.ts"
import type { Alert, AlertEvent } from "../gateway/Contract.ts"
import * as Format from "../view/Format.ts"

export type Watch = Alert["on"]
export type Source = Watch["source"]
export type Condition = Alert["condition"]
type FieldOf<S extends Source> = Extract<Watch, { readonly source: S }>["field"]
export type Field = Watch["field"]

/** The fields of each source, by the names that the rest of the page gives them. */
export const fields: { readonly [S in Source]: Readonly<Record<FieldOf<S>, string>> } = {
  instrument: {
    last_price: "Last price",
    volume: "Volume",
    oi: "OI",
    iv: "IV %",
    delta: "Delta",
    gamma: "Gamma",
    theta: "Theta",
    vega: "Vega"
  },
  chain: {
    spot: "Spot",
    forward: "Forward",
    straddle: "Straddle",
    atm_iv: "ATM IV %",
    pcr_oi: "PCR",
    pcr_volume: "PCR vol",
    max_pain: "Max pain",
    call_oi: "Call OI",
    put_oi: "Put OI"
  },
  strategy: {
    total_pnl: "P&L",
    unrealised_pnl: "Unrealised P&L",
    realised_pnl: "Realised P&L",
    m2m: "Net premium",
    net_delta: "Delta",
    net_gamma: "Gamma",
    net_theta: "Theta",
    net_vega: "Vega"
  },
  feed: { is_streaming: "Streams (1 or 0)", silent_s: "Seconds without a tick", dropped: "Lost packets" }
}
export const sources: Readonly<Record<Source, string>> = {
  instrument: "Instrument",
  chain: "Chain",
  strategy: "Strategy",
  feed: "Broker feed"
}
export const conditions: Readonly<Record<Condition, string>> = {
  above: "at or above",
  below: "at or below",
  crosses_above: "rises to",
  crosses_below: "falls to"
}

/** Volatilities are fractions in the contract and per cent on the page. */
const perCent: ReadonlySet<Field> = new Set<Field>(["iv", "atm_iv"])
export const scaleOf = (field: Field): number => (perCent.has(field) ? 100 : 1)

const grouped = new Intl.NumberFormat("en-IN", { maximumFractionDigits: 6 })
/** A value in the page's unit, without trailing zeros. */
export const value = (field: Field, of: Decimal): string => grouped.format(of.times(scaleOf(field)).toNumber()).replace("-", "−")

const nameOf = (on: Watch): string => (fields[on.source] as Readonly<Record<string, string>>)[on.field] ?? on.field

/** What an alert looks at: "NIFTY 50 last price". `strategyName` is undefined for a strategy that the page does not know. */
export const watched = (on: Watch, strategyName: (id: number) => string | undefined): string => {
  const field = nameOf(on)
  switch (on.source) {
    case "instrument":
      return `${on.tradingsymbol} ${field}`
    case "chain":
      return `${on.symbol} ${Format.expiry(on.expiry)} ${field}`
    case "strategy":
      return `${strategyName(on.strategy_id) ?? `Strategy ${on.strategy_id}`} ${field}`
    case "feed":
      return `${on.account_id} ${field}`
  }
}

/** The rule of an alert in one line: "NIFTY 50 Last price at or above 24,600". */
export const rule = (
  { on, condition, threshold }: Pick<Alert, "on" | "condition" | "threshold">,
  strategyName: (id: number) => string | undefined
) => `${watched(on, strategyName)} ${conditions[condition]} ${value(on.field, threshold)}`

/** The text of the notice for an alert that fired. */
export const fired = (event: AlertEvent, strategyName: (id: number) => string | undefined): string => {
  const at = `${watched(event.on, strategyName)} is ${value(event.on.field, event.value)}`
  return `${event.name}: ${at} at ${Format.clock(Date.parse(event.as_of))} IST`
}

export interface Shown {
  readonly label: string
  readonly tone: "open" | "failed" | "unknown" | ""
  /** The button that changes the state; the alert begins again whenever it becomes active. */
  readonly action: "Pause" | "Resume" | "Watch again"
}
/** The state of an alert. Paused comes first: a paused alert is not evaluated, whatever it waits for. */
export const state = ({ status, state }: Pick<Alert, "status" | "state">): Shown => {
  if (status === "paused") return { label: "Paused", tone: "", action: "Resume" }
  if (state === "done") return { label: "Fired", tone: "unknown", action: "Watch again" }
  return { label: "Watching", tone: "open", action: "Pause" }
}
