import { Effect } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Broker } from "../../broker/Broker.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as BrokerClose from "../../domain/options/BrokerClose.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { SettlementRepo } from "../../store/SettlementRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../runtime/Metrics.ts"

export const kind = "settlement-prices"

/** A computed settlement price is compared with the broker's close within this time. The expiry day ends the attempts. */
const lookEvery = "10 seconds"

/**
 * Replaces the computed settlement prices of the day by those that follow from the broker's close of the underlying. A price entered by hand
 * stays. Until the broker has the close, and when it has none, the computed price holds.
 */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const broker = yield* Broker
  const registry = yield* InstrumentRegistry
  const repo = yield* SettlementRepo
  const jetStream = yield* JetStream
  const clock = yield* MarketClock

  const spotOf = (contract: Instrument.Instrument): Instrument.Instrument | undefined => {
    const under = Instrument.underlyingOf(contract)
    const members = under === null ? [] : registry.ofUnderlying(under.exchange, under.name)
    return members.find((one) => Instrument.kindOf(one) === "INDEX" || Instrument.kindOf(one) === "EQ")
  }
  const keyOf = ({ exchange, tradingsymbol }: Instrument.Instrument) => Instrument.symbolKey(exchange, tradingsymbol)

  const look = Effect.gen(function* () {
    const today = IndiaTime.istDate(clock.unsafeNow())
    const computed = yield* repo.computedOn(today)
    const contracts = computed.flatMap(({ exchange, tradingsymbol }) => {
      const contract = registry.bySymbol(exchange, tradingsymbol)
      const spot = contract === undefined ? undefined : spotOf(contract)
      return contract?.expiry !== today || spot === undefined ? [] : [{ contract, spotKey: keyOf(spot) }]
    })
    const [account] = accounts.ids
    if (contracts.length === 0 || account === undefined) return
    const rest = yield* broker.rest(account)
    const quotes = yield* rest.quote([...new Set(contracts.map(({ spotKey }) => spotKey))])
    const prices = contracts.flatMap(({ contract, spotKey }) => {
      const quote = quotes[spotKey]
      if (quote === undefined) return []
      const strike = Money.toDecimal(contract.strike, Instrument.priceScale(contract.token))
      const last = { price: quote.last_price, atMs: quote.timestamp?.getTime() ?? null }
      const price = BrokerClose.settles(contract, strike, last)
      return price === undefined ? [] : [{ exchange: contract.exchange, tradingsymbol: contract.tradingsymbol, expiry: today, price }]
    })
    const count = yield* repo.confirm(prices, new Date(clock.unsafeNow()))
    if (count === 0) return
    Metrics.settlementsSaved("broker", count)
    yield* jetStream.notify(Subjects.Changed.at({ what: "strategies" }), Subjects.Changed.encode({ v: 1, request_id: "-" }))
  }).pipe(Effect.withSpan("SettlementPrices.look"))

  return look.pipe(
    Effect.catchAll((error) =>
      Effect.logWarning("the broker's closing prices are not known, computed settlement prices hold", String(error))
    ),
    Effect.zipRight(Effect.sleep(lookEvery)),
    Effect.forever
  )
})
