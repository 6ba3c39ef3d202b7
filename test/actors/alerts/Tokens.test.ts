import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import * as AlertActor from "../../../src/actors/alerts/AlertActor.ts"
import { readings } from "../../../src/actors/alerts/Inputs.ts"
import { initialState } from "../../../src/domain/alerts/AlertRule.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import { AlertRepo } from "../../../src/store/alerts/AlertRepo.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { fresh } from "../../store/Stores.ts"
import { backend, streams, until } from "../../streams/Nats.ts"

const inputs = Object.keys(readings).length
const World = Layer.mergeAll(fresh(), streams).pipe(Layer.provideMerge(backend))

const owner = "u1"
const call = (token: number, tradingsymbol: string, expiry: string) =>
  anInstrument(token, { tradingsymbol, expiry, strike: 2_450_000, instrumentType: "CE" })
const share = (token: number) => anInstrument(token, { tradingsymbol: "INFY", name: "INFOSYS", segment: "NSE", exchange: "NSE" })
/** The exchange gives the token of the expired contract to a new one, and the share gets another token. */
const [reused, shareBefore, shareAfter, later] = [0x10002, 408065, 408321, 0x10102]
const expiring = "NIFTY26AUG24500CE"
const first = Instrument.makeMaster("2026-08-25", [call(reused, expiring, "2026-08-25"), share(shareBefore)])
const second = Instrument.makeMaster("2026-08-26", [call(reused, "NIFTY26SEP24500CE", "2026-09-29"), share(shareAfter)])
const third = Instrument.makeMaster("2026-08-27", [call(later, expiring, "2026-08-25"), share(shareAfter)])

const watched = {
  [expiring]: { exchange: "NFO", tradingsymbol: expiring, instrument_token: reused, underlying: { exchange: "NSE", name: "NIFTY" } },
  INFY: { exchange: "NSE", tradingsymbol: "INFY", instrument_token: shareBefore, underlying: { exchange: "NSE", name: "INFY" } }
} as const
const create = (symbol: keyof typeof watched, owner: string) =>
  Effect.flatMap(AlertRepo, (repo) =>
    Effect.map(
      repo.create(owner, {
        name: symbol,
        watch: { source: "instrument", ...watched[symbol], field: "last_price" },
        condition: "above",
        threshold: new Money.Decimal(100),
        hysteresis: Money.zero,
        repeat: false,
        cooldownS: 0,
        webhook: null,
        state: initialState("above")
      }),
      ({ alertId }) => alertId
    )
  )

let numbers = 0
/** A packet with a price of 200 in the record; returns its sequence. */
const price = (token: number, underlying: string) =>
  Effect.flatMap(JetStream, (jetStream) => {
    const subject = Subjects.Frame.at({ exchange: "NSE", underlying })
    const header: FrameHeader.FrameHeader = {
      ...{ account: "a1", epoch: 1, incarnation: 1, number: numbers++, source: "simulator" },
      ...{ baseReceivedMs: Date.parse("2026-08-25T04:30:00Z") + numbers * 1_000, runs: [1, 0] }
    }
    const body = Frame.frameOf([Packets.encodeLtp({ token, lastPrice: 20_000 })])
    const headers = { [FrameHeader.name]: FrameHeader.format(header, subject) }
    return Effect.map(jetStream.publish(subject, body, { headers }), ({ seq }) => seq)
  })

/** Says that alerts have changed, so that the actor reads them before its next time. */
const readAgain = Effect.flatMap(JetStream, ({ nc }) => Effect.sync(() => nc.publish(Subjects.Changed.at({ what: "alerts" }))))

/** The sequences of an alert's events and the tokens that they name. */
const eventsOf = (owner: string, id: number) =>
  Effect.flatMap(AlertRepo, (repo) =>
    Effect.map(repo.events(owner, id, 9, 0), ({ rows }) =>
      rows.map(({ body: { on, seq } }) => [seq, on.source === "instrument" ? on.instrument_token : null])
    )
  )
const fires = (owner: string, id: number) => until("the alert fires", () => Effect.map(eventsOf(owner, id), (events) => events.length > 0))
const takenUp = (owner: string, id: number) =>
  until("the alert is taken up", () =>
    Effect.flatMap(AlertRepo, (repo) =>
      Effect.map(repo.byId(owner, id), (found) => Option.exists(found, ({ inputSeq }) => inputSeq !== null))
    )
  )

layer(World, { excludeTestServices: true })("alerts over days with other tokens", (it) => {
  it.scoped("an alert follows its contract to another token, and waits while the day's instruments lack it", () =>
    Effect.gen(function* () {
      const registry = yield* InstrumentRegistry
      registry.set(first)
      const [ofCall, ofShare] = [yield* create(expiring, owner), yield* create("INFY", owner)]
      yield* Effect.forkScoped(Effect.flatten(AlertActor.make))
      for (const id of [ofCall, ofShare]) yield* takenUp(owner, id)

      registry.set(second)
      yield* price(reused, "NIFTY")
      yield* price(shareBefore, "INFY")
      const seq = yield* price(shareAfter, "INFY")
      yield* fires(owner, ofShare)
      assert.deepStrictEqual(yield* eventsOf(owner, ofShare), [[seq, shareAfter]])
      assert.deepStrictEqual(yield* eventsOf(owner, ofCall), [], "another contract's packet decides nothing")

      registry.set(third)
      yield* readAgain
      const under = yield* price(later, "NIFTY")
      yield* fires(owner, ofCall)
      assert.deepStrictEqual(yield* eventsOf(owner, ofCall), [[under, later]])
    })
  )

  it.scoped("before the first instruments are loaded alerts wait, and no packet of that time is lost", () =>
    Effect.gen(function* () {
      const repo = yield* AlertRepo
      const loaded = yield* InstrumentRegistry
      loaded.set(first)
      const id = yield* create("INFY", "u2")
      yield* Effect.scoped(Effect.zipRight(Effect.forkScoped(Effect.flatten(AlertActor.make)), takenUp("u2", id)))

      // The next process has no instruments yet.
      const registry = yield* Effect.provide(InstrumentRegistry, InstrumentRegistry.Default)
      let loads = 0
      const counted = AlertRepo.make({ ...repo, watched: Effect.tap(repo.watched, () => Effect.sync(() => loads++)) })
      const seq = yield* price(shareBefore, "INFY")
      const actor = yield* AlertActor.make.pipe(
        Effect.provideService(InstrumentRegistry, registry),
        Effect.provideService(AlertRepo, counted)
      )
      yield* Effect.forkScoped(actor)
      yield* until("every input has read the alerts", () => loads >= inputs)
      assert.deepStrictEqual(yield* eventsOf("u2", id), [])
      registry.set(first)
      yield* readAgain
      yield* fires("u2", id)
      assert.deepStrictEqual(yield* eventsOf("u2", id), [[seq, shareBefore]])
    })
  )
})
