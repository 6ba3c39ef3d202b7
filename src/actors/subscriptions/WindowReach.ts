import { Effect, Either, Option } from "effect"
import { Broker } from "../../broker/Broker.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as StrikeWindow from "../../domain/options/StrikeWindow.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import type { WindowRepo } from "../../store/subscriptions/WindowRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"

const spotOf = (members: ReadonlyArray<Instrument.Instrument>) =>
  members.find((one) => Instrument.kindOf(one) === "INDEX" || Instrument.kindOf(one) === "EQ")

/** Finds the money of a window and the instruments around it, for the actor of that name. */
export const make = (name: string, isAlive: (instrument: Instrument.Instrument) => boolean) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const registry = yield* InstrumentRegistry
    const js = yield* JetStream
    const refuse = DeadLetters.send(js)

    /**
     * The price at the money, in units of the strikes: the last published spot, or else the last published forward of the nearest expiry.
     */
    const publishedPrice = (exchange: string, underlying: string) =>
      Effect.gen(function* () {
        const found = yield* js.last(Subjects.UnderlyingState.stream, Subjects.UnderlyingState.at({ exchange, underlying }))
        if (Option.isNone(found)) return Option.none()
        const state = Subjects.UnderlyingState.read(found.value.subject, found.value.data)
        if (Either.isLeft(state)) {
          yield* refuse(name, found.value, state.left)
          return Option.none()
        }
        return Option.fromNullable(state.right.spot ?? state.right.expiries[0]?.forward)
      })
    /** Asks the broker for the price of an underlying that is not streamed yet: its spot, else its nearest future. */
    const askedPrice = (members: ReadonlyArray<Instrument.Instrument>) =>
      Effect.gen(function* () {
        const futures = members.filter((one) => one.instrumentType === "FUT" && isAlive(one))
        const priced = spotOf(members) ?? futures.sort((a, b) => ((a.expiry ?? "") < (b.expiry ?? "") ? -1 : 1))[0]
        if (priced === undefined) return Option.none<number>()
        const key = Instrument.symbolKey(priced.exchange, priced.tradingsymbol)
        const quoted = yield* broker.any((rest) => rest.ltp([key]))
        return Option.fromNullable(quoted[key]?.last_price)
      })
    const membersOf = ({ exchange, underlying }: WindowRepo.Row) => registry.ofUnderlying(exchange, underlying)
    const priceUnits = (window: WindowRepo.Row, members: ReadonlyArray<Instrument.Instrument>) =>
      Effect.gen(function* () {
        const published = yield* publishedPrice(window.exchange, window.underlying)
        const price = Option.isSome(published) ? published : yield* askedPrice(members)
        const token = members.find(Instrument.isOption)?.token ?? members[0]?.token ?? 0
        return Option.map(price, (rupees) => Math.round(rupees * Instrument.priceScale(token)))
      })

    /**
     * The instruments that one window wants now, and those that it keeps because the money has hardly moved. None while the underlying's
     * price is unknown.
     */
    return (window: WindowRepo.Row) =>
      Effect.gen(function* () {
        const members = membersOf(window)
        const units = yield* priceUnits(window, members)
        return Option.map(units, (spot) => {
          const shape = { expiries: window.expiries, strikesEachSide: window.strikes }
          return {
            wanted: StrikeWindow.instruments(members, spot, shape, isAlive),
            kept: StrikeWindow.instruments(members, spot, StrikeWindow.widened(shape), isAlive)
          }
        })
      })
  })
