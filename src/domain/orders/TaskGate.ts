import { Either } from "effect"
import type * as Money from "../Money.ts"
import type * as Instrument from "../market/Instrument.ts"
import type { RuleSet } from "../rules/RuleSet.ts"
import * as Gate from "./Gate.ts"
import * as GttRequest from "./GttRequest.ts"
import * as Iceberg from "./Iceberg.ts"
import * as OrderRequest from "./OrderRequest.ts"
import * as StrategyLimits from "./StrategyLimits.ts"

/** What is known about an account and an instrument when a request is about to be accepted or sent. */
export interface Facts {
  readonly rules: RuleSet
  readonly atMs: number
  /** The synthetic market has no hours. */
  readonly neverCloses: boolean
  /** Undefined if the day's list has no such instrument. */
  readonly instrument: Instrument.Instrument | undefined
  readonly hasDerivatives: boolean
  readonly lastPrice: Money.Decimal | null
  readonly limits: Gate.Limits
  /** Why orders are stopped; null if they are not. */
  readonly stopped: string | null
  /** Why the account's stop forbids orders that open a position; null if there is no stop. */
  readonly lossStop: string | null
  readonly dayProfit: Money.Decimal | null
  readonly exposure: Gate.Situation["exposure"]
  readonly otherLots: Gate.Situation["otherLots"]
  readonly sameTermsAtMs: number | null
  readonly sent: Gate.Situation["sent"]
  /** How often the order of a modification was modified before. */
  readonly modifications: number
  /** True if a newer modification of the same order or trigger was sent, whatever became of it. */
  readonly isSuperseded: boolean
  /** True if another request for a trigger with the same terms has not ended. Without tags the two triggers could not be told apart. */
  readonly isTwin: boolean
  /** True if the order closes what another order of the platform traded. The account's own limits must not keep such a position open. */
  readonly closes: boolean
  /** True if a stop of the account made the order, to close a position. */
  readonly isOfAccountStop: boolean
  /** True if a stop made the order, and a person has released that stop since. */
  readonly isReleased: boolean
  /** The strategy of the order; null if the order has no strategy, or if the strategy has no limits. */
  readonly strategy: StrategyLimits.Situation | null
}

/** The market at the time of a check, and the request's instrument in it. */
export type Market = Pick<Facts, "rules" | "atMs" | "neverCloses" | "instrument" | "hasDerivatives">

/** What the account's other requests say about a request. */
export type Ahead = Pick<Facts, "modifications" | "isSuperseded" | "isTwin"> & { readonly sent: { readonly day: number } }

/** The facts of one check. `own` has those that a check before acceptance and a check before sending find out in different ways. */
export const factsOf = (
  market: Market,
  { isSuperseded, isTwin, modifications, sent }: Ahead,
  own: Omit<Facts, keyof Market | keyof Ahead>
): Facts => ({
  ...market,
  ...own,
  // The executor waits for the limits of a second and a minute, so 0 counts for both. Only the day's limit refuses.
  sent: { second: 0, minute: 0, day: sent.day },
  modifications,
  isSuperseded,
  isTwin
})

/**
 * When a request of the same terms was made, in market time. The rows' times are of the database's clock, so the age of the older row is
 * subtracted from the market's time.
 */
export const sameTermsAtMs = (olderRowMs: number | null, rowMs: number, marketMs: number): number | null =>
  olderRowMs === null ? null : marketMs - (rowMs - olderRowMs)

/** The rules that apply to an order which the broker places itself, much later and at another price. */
const ofTriggers: ReadonlySet<Gate.Rule> = new Set([
  "kill_switch",
  "account_stop",
  "lot_size",
  "tick_size",
  "freeze_quantity",
  "max_value",
  "loss_limit",
  "rate_limit"
])

export type Refusal = {
  readonly rule: Gate.Rule | StrategyLimits.Rule | "instrument" | "iceberg_legs" | "stop_released" | "superseded"
  readonly message: string
}

/** After the release a person may close the position by hand. The stop's own order would then open a position of the opposite side. */
export const released = { rule: "stop_released", message: "the stop that made this order was released" } as const satisfies Refusal

/** An older modification that is sent after a newer one would bring the older terms back. */
export const superseded = {
  rule: "superseded",
  message: "a newer modification of the same order or trigger was sent, so this one is not sent"
} as const satisfies Refusal

const situationOf = (facts: Facts, instrument: Instrument.Instrument): Gate.Situation => ({
  rules: facts.rules,
  atMs: facts.atMs,
  instrument,
  hasDerivatives: facts.hasDerivatives,
  lastPrice: facts.lastPrice,
  limits: facts.closes ? Gate.unlimited : facts.limits,
  killed: facts.stopped,
  lossStop: facts.isOfAccountStop ? null : facts.lossStop,
  dayProfit: facts.dayProfit,
  exposure: facts.exposure,
  otherLots: facts.otherLots,
  sameTermsAtMs: facts.sameTermsAtMs,
  sent: facts.sent
})
const notListed = ({ exchange, tradingsymbol }: { readonly exchange: string; readonly tradingsymbol: string }): Refusal => ({
  rule: "instrument",
  message: `${exchange} lists no ${tradingsymbol} today`
})

const ofModification = ({ isSuperseded }: Facts): ReadonlyArray<Refusal> => (isSuperseded ? [superseded] : [])

/** The refusals of a trigger's orders, each rule once, because a trigger may have two orders. */
const ofTrigger = (request: typeof GttRequest.GttPlace.Type | typeof GttRequest.GttModify.Type, facts: Facts): ReadonlyArray<Refusal> => {
  const { instrument } = facts
  if (instrument === undefined) return [notListed(request.condition)]
  const refused = GttRequest.gated(request).flatMap((order) => Gate.refusals(order, situationOf(facts, instrument)))
  const message = "another request for a trigger of the same terms has not ended: wait for it"
  const twin: ReadonlyArray<Refusal> = facts.isTwin ? [{ rule: "duplicate", message }] : []
  const own = refused.filter(({ rule }) => ofTriggers.has(rule))
  return [...ofModification(facts), ...own.filter(({ rule }, at) => own.findIndex((it) => it.rule === rule) === at), ...twin]
}

/** Cancelling an order and deleting a trigger are always allowed: they only reduce the risk. */
export const isFree = ({ kind }: Pick<OrderRequest.OrderRequest, "kind">): boolean => kind === "cancel" || kind === "gtt_delete"

/** Every rule that refuses a request. */
export const refusals = (request: OrderRequest.OrderRequest, facts: Facts): ReadonlyArray<Refusal> => {
  if (request.kind === "cancel" || request.kind === "gtt_delete") return []
  if (request.kind === "gtt_place" || request.kind === "gtt_modify") return ofTrigger(request, facts)
  if (request.kind === "modify") {
    const refusal = Gate.mayModify(facts, facts.modifications)
    const stop: ReadonlyArray<Refusal> =
      facts.stopped === null ? [] : [{ rule: "kill_switch", message: `orders are stopped: ${facts.stopped}` }]
    const { lossStop } = facts
    const accountStop: ReadonlyArray<Refusal> =
      lossStop === null ? [] : [{ rule: "account_stop", message: `the account is stopped: ${lossStop}` }]
    const own = facts.strategy?.stopped ?? null
    const strategyStop: ReadonlyArray<Refusal> =
      own === null ? [] : [{ rule: "strategy_stop", message: `the order's strategy is stopped: ${own}` }]
    return [...ofModification(facts), ...stop, ...accountStop, ...strategyStop, ...(refusal === null ? [] : [refusal])]
  }
  if (facts.isReleased) return [released]
  const { instrument } = facts
  if (instrument === undefined) return [notListed(request)]
  const order = OrderRequest.gated(request)
  const refused = Gate.refusals(order, situationOf(facts, instrument)).filter(
    ({ rule }) => !(facts.neverCloses && rule === "trading_hours")
  )
  const legs = Iceberg.refusalOf(request, instrument.lotSize)
  const ofLegs: ReadonlyArray<Refusal> = legs === null ? [] : [{ rule: "iceberg_legs", message: legs }]
  const ofStrategy =
    facts.strategy === null
      ? []
      : StrategyLimits.refusals({ ...order, isContract: Gate.isContract(instrument) }, instrument.lotSize, facts.strategy)
  return [...refused, ...ofLegs, ...ofStrategy]
}

/**
 * The quantities of the orders that a new order is cut into, or every rule that refuses it as a whole. Only the freeze quantity is a rule of
 * each part.
 */
export const sliced = (request: OrderRequest.Place, facts: Facts): Either.Either<ReadonlyArray<number>, ReadonlyArray<Refusal>> => {
  const refused = refusals(request, facts).filter(({ rule }) => rule !== "freeze_quantity")
  const { instrument } = facts
  if (refused.length > 0 || instrument === undefined) return Either.left(refused)
  const quantities = Gate.slices({ rules: facts.rules, atMs: facts.atMs, instrument }, request.quantity)
  const message = `${request.quantity} needs more slices than one order may have`
  return quantities === null ? Either.left([{ rule: "freeze_quantity", message }]) : Either.right(quantities)
}
