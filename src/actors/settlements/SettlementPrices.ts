import { Effect } from "effect"
import { Broker } from "../../broker/Broker.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as BrokerClose from "../../domain/options/BrokerClose.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { SettlementRepo } from "../../store/settlements/SettlementRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../runtime/Metrics.ts"

export const kind = "settlement-prices"

/** Computed settlement prices are compared with the broker's close this often. A day of a feed may take only seconds. */
const lookEvery = { feed: "1 second", real: "10 seconds", machine: "10 seconds" } as const
/** The attempts end after this many days. A quote contains the close until the end of the next trading day, which is always earlier. */
const daysMax = 10

/**
 * Replaces computed settlement prices by those that follow from the broker's close of the underlying. A price that was entered by hand
 * stays. Until the broker has the close, or if it has none, the computed price stays in force.
 */
export const make = Effect.gen(function* () {
  const broker = yield* Broker
  const registry = yield* InstrumentRegistry
  const repo = yield* SettlementRepo
  const jetStream = yield* JetStream
  const clock = yield* MarketClock
  const rules = yield* RuleBook

  const spotOf = ({ exchange, name }: SettlementRepo.Computed): Instrument.Instrument | undefined => {
    const under = Instrument.underlyingNamed(exchange, name)
    const members = under === null ? [] : registry.ofUnderlying(under.exchange, under.name)
    return members.find((one) => Instrument.kindOf(one) === "INDEX" || Instrument.kindOf(one) === "EQ")
  }
  const keyOf = ({ exchange, tradingsymbol }: Instrument.Instrument) => Instrument.symbolKey(exchange, tradingsymbol)

  const look = Effect.gen(function* () {
    const nowMs = clock.unsafeNow()
    const computed = yield* repo.computed({ from: IndiaTime.istDate(nowMs - daysMax * IndiaTime.dayMs), to: IndiaTime.istDate(nowMs) })
    const contracts = computed.flatMap((contract) => {
      const spot = spotOf(contract)
      return spot === undefined ? [] : [{ contract, spot }]
    })
    if (contracts.length === 0) return
    const quotes = yield* broker.any((rest) => rest.quote([...new Set(contracts.map(({ spot }) => keyOf(spot)))]))
    const prices = contracts.flatMap(({ contract, spot }) => {
      const quote = quotes[keyOf(spot)]
      if (quote === undefined) return []
      const { exchange, tradingsymbol, expiry, instrumentType } = contract
      const strike = Money.toDecimal(contract.strike, Instrument.priceScale(contract.token))
      const known = { lastPrice: quote.last_price, previousClose: quote.ohlc.close, atMs: quote.timestamp?.getTime() ?? null }
      const price = BrokerClose.settles(rules.current(), spot, { instrumentType, strike, expiry }, known)
      return price === undefined ? [] : [{ exchange, tradingsymbol, expiry, price }]
    })
    const count = yield* repo.confirm(prices, new Date(nowMs))
    if (count === 0) return
    Metrics.settlementsSaved("broker", count)
    yield* jetStream.notify(Subjects.Changed.at({ what: "strategies" }), Subjects.Changed.encode({ v: 1, request_id: "-" }))
  }).pipe(Effect.withSpan("SettlementPrices.look"))

  return look.pipe(
    Effect.catchAll((error) =>
      Effect.logWarning("the broker's closing prices are not known, computed settlement prices hold", String(error))
    ),
    Effect.zipRight(Effect.sleep(lookEvery[clock.mode])),
    Effect.forever
  )
})
