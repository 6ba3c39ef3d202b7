/** Reads and checks the form of an order as Kite's gateway does before it passes an order on. */
import { Either } from "effect"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Matching from "../../domain/orders/Matching.ts"
import * as BrokerLimits from "../../domain/rules/BrokerLimits.ts"
import * as Day from "../../domain/rules/Day.ts"
import * as Quantities from "../../domain/rules/Quantities.ts"
import type { RuleSet } from "../../domain/rules/RuleSet.ts"
import * as Sessions from "../Sessions.ts"
import * as Families from "./Families.ts"

type Read<A> = Either.Either<A, Sessions.Refusal>

const oneOf = <const A extends string>(form: URLSearchParams, name: string, allowed: ReadonlyArray<A>, fallback?: A): Read<A> => {
  const text = form.get(name) ?? fallback ?? ""
  const found = allowed.find((it) => it === text)
  return found === undefined ? Sessions.refuseInput(`Invalid \`${name}\`.`) : Either.right(found)
}

const quantityMax = 1e9
const quantityOf = (form: URLSearchParams, { lotSize }: Instrument.Instrument): Read<number> => {
  const quantity = Number(form.get("quantity") ?? "")
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > quantityMax) return Sessions.refuseInput("Invalid `quantity`.")
  return quantity % lotSize === 0
    ? Either.right(quantity)
    : Sessions.refuseInput(`Quantity should be a multiple of the lot size ${lotSize}.`)
}

/** A price as an integer of the instrument's units. */
export const priceOf = (form: URLSearchParams, name: "price" | "trigger_price", instrument: Instrument.Instrument): Read<number> => {
  const scale = Instrument.priceScale(instrument.token)
  const price = Either.getOrElse(Money.scaled(form.get(name) ?? "", scale), () => 0)
  if (price <= 0) return Sessions.refuseInput(`Invalid \`${name}\`.`)
  const tick = Money.format(Money.toDecimal(instrument.tickSize, scale))
  return price % instrument.tickSize === 0
    ? Either.right(price)
    : Sessions.refuseInput(`Tick size for this script is ${tick}. Kindly enter price in the multiple of tick size for this script`)
}

export interface Ground {
  readonly rules: RuleSet
  readonly atMs: number
  readonly lastPrice: number
}

/** Ten-thousandths of the price; null without a protection. Since 2026-04-01 market orders need one; -1 lets the broker choose it. */
const protectionOf = (
  form: URLSearchParams,
  instrument: Instrument.Instrument,
  { atMs, lastPrice, rules }: Ground
): Read<number | null> => {
  const { broker } = rules.documents
  const on = Day.iso(Day.at(atMs))
  const percent = Number(form.get("market_protection") ?? "0")
  if (percent === 0) {
    return BrokerLimits.policy(broker, "market_protection_required", on).value
      ? Sessions.refuseInput("Market orders without market protection are not allowed via API.")
      : Either.right(null)
  }
  if (percent > 0 && percent <= 100) return Either.right(Math.round(percent * 100))
  if (percent !== -1) return Sessions.refuseInput("Invalid `market_protection`.")
  const price = Money.toDecimal(lastPrice, Instrument.priceScale(instrument.token))
  return BrokerLimits.protectionPercent(broker, Instrument.isOption(instrument) ? "options" : "equity_and_futures", price, on).pipe(
    Either.mapBoth({
      onLeft: ({ message }) => Sessions.inputRefusal(message),
      onRight: ({ value }) => value.times(100).toNumber()
    })
  )
}

export const varieties = ["regular", "amo", "iceberg", "co"] as const
export type Variety = (typeof varieties)[number]

export interface Placed extends Families.Member {
  readonly validity: "DAY" | "IOC" | "TTL"
  /** The minutes of a TTL order; null for other validities. */
  readonly ttlMinutes: number | null
  readonly product: string
  readonly tag: string | null
  readonly disclosedQuantity: number
  readonly marketProtection: number
}

const ttlMinutesMax = 24 * 60
const ttlOf = (form: URLSearchParams, validity: Placed["validity"]): Read<number | null> => {
  if (validity !== "TTL") return Either.right(null)
  const minutes = Number(form.get("validity_ttl") ?? "")
  return Number.isInteger(minutes) && minutes >= 1 && minutes <= ttlMinutesMax
    ? Either.right(minutes)
    : Sessions.refuseInput("Invalid `validity_ttl`.")
}

const tagForm = /^[A-Za-z0-9]{1,20}$/

const orderTypes = { all: ["LIMIT", "MARKET", "SL", "SL-M"], withoutStops: ["LIMIT", "MARKET"] } as const

/** A new order, or Kite's refusal of its form. An iceberg order gives its first leg, a cover order its entry. */
export const read = (form: URLSearchParams, instrument: Instrument.Instrument, ground: Ground, variety: Variety): Read<Placed> =>
  Either.gen(function* () {
    if (form.get("autoslice") === "true") return yield* Sessions.refuseInput("The simulator does not slice orders.")
    const isFamily = variety === "iceberg" || variety === "co"
    const orderType = yield* oneOf(form, "order_type", isFamily ? orderTypes.withoutStops : orderTypes.all)
    const side = yield* oneOf(form, "transaction_type", ["BUY", "SELL"])
    const product = yield* oneOf(form, "product", ["NRML", "MIS", "CNC", "MTF"])
    const validity = yield* oneOf(form, "validity", ["DAY", "IOC", "TTL"], "DAY")
    if (validity === "IOC" && instrument.exchange === "MCX")
      return yield* Sessions.refuseInput("IOC orders are not allowed on MCX via API.")
    const ttlMinutes = yield* ttlOf(form, validity)
    if (isFamily && validity === "IOC") return yield* Sessions.refuseInput("Invalid `validity`.")
    const total = yield* quantityOf(form, instrument)
    const leg = variety === "iceberg" ? yield* Families.firstLeg(form, instrument, total) : null
    const quantity = leg === null ? total : Families.quantityOf(leg)
    const stopPrice = variety === "co" ? yield* priceOf(form, "trigger_price", instrument) : null
    const freeze = Quantities.freezeQuantity(ground.rules, instrument.exchange, instrument.name, Day.iso(Day.at(ground.atMs)))
    if (Either.isRight(freeze) && quantity > freeze.right.quantity)
      return yield* Sessions.refuseInput(`Quantity is above the freeze quantity ${freeze.right.quantity}.`)
    const isLimited = orderType === "LIMIT" || orderType === "SL"
    const price = isLimited ? yield* priceOf(form, "price", instrument) : 0
    const triggerPrice = orderType === "SL" || orderType === "SL-M" ? yield* priceOf(form, "trigger_price", instrument) : 0
    const protection = isLimited ? null : yield* protectionOf(form, instrument, ground)
    const tag = form.get("tag")
    if (tag !== null && tag !== "" && !tagForm.test(tag)) return yield* Sessions.refuseInput("Invalid `tag`.")
    // The exchange matches a TTL order like a DAY order; the desk ends it.
    const matched = validity === "IOC" ? ("IOC" as const) : ("DAY" as const)
    const order = { side, orderType, validity: matched, quantity, price, triggerPrice, protection, tick: instrument.tickSize }
    return {
      order: Matching.make(order),
      leg,
      stopPrice,
      validity,
      ttlMinutes,
      product,
      tag: tag === "" ? null : tag,
      disclosedQuantity: Number(form.get("disclosed_quantity") ?? "0"),
      marketProtection: Number(form.get("market_protection") ?? "0")
    }
  })
