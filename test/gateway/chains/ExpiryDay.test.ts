import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import type * as ChainMessage from "../../../src/domain/options/ChainMessage.ts"
import * as ClockFrame from "../../../src/domain/record/ClockFrame.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import * as Deciding from "../../domain/Deciding.ts"
import { chain, chainPackets, Recorder, settings, spot, spotToken } from "../../domain/record/Recorder.ts"
import { ask, eventually, publishChain, World, world } from "../GatewayWorld.ts"

const forward = 24_510
const ist = (day: string, time: string) => Date.parse(`${day}T${time}+05:30`)

/** The chain of an expiry as its actor publishes it at a market time, from quotes of a second before. */
const chainAt = (day: string, time: string): ChainMessage.Chain => {
  const atMs = ist(day, time)
  const quotesMs = Math.min(atMs, ist(day, "15:29:58")) - 1_000
  const decider = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings: { ...settings, staleAfterMs: 3_600_000 } })
  const recorder = new Recorder()
    .clock(ist(day, "09:15:00"))
    .reference([spot, ...chain(day)])
    .frame(quotesMs, [{ token: spotToken, price: forward }, ...chainPackets(forward, 0.14, quotesMs, day)])
    .clock(atMs)
  const found = Deciding.fold(decider, decider.initial, recorder.inputs)[1].findLast((one) => one.kind === "chain")
  if (found?.kind !== "chain") throw new Error(`no chain of ${day} at ${time}`)
  return found.message
}

/** The dump of the day. */
const master = (day: string) =>
  Instrument.makeMaster(
    day,
    chain(day).map(
      ({ instrument_token, tradingsymbol, strike, kind }): Instrument.Instrument => ({
        token: instrument_token,
        exchangeToken: instrument_token >>> 8,
        tradingsymbol,
        name: "NIFTY",
        expiry: day,
        strike: strike * 100,
        tickSize: 5,
        lotSize: 65,
        instrumentType: kind === "PE" ? "PE" : "CE",
        segment: "NFO-OPT",
        exchange: "NFO"
      })
    )
  )

/** Moves market time to the instant and publishes the actor's chain of then. Returns the row at the money, and whether the expiry is listed. */
const at = (day: string, time: string) =>
  Effect.gen(function* () {
    const { engine } = yield* World
    const message = chainAt(day, time)
    yield* publishChain(message)
    yield* engine.publish(Subjects.Clock.at({ account: "acc1" }), ClockFrame.encode(ist(day, time)))
    const answer = yield* eventually(
      `the chain of ${day} at ${time}`,
      Effect.map(ask(`/fo/strikes?symbol=NIFTY&expiry=${day}`), ({ body }) => body.as_of === message.as_of && body)
    )
    yield* eventually(
      `market time ${day} ${time}`,
      Effect.map(ask("/calendar/status?exchange=NFO"), ({ body }) => body.as_of === new Date(ist(day, time)).toISOString())
    )
    const { call } = answer.strikes.find((one: { readonly strike: number }) => one.strike === 24_500)
    const { body } = yield* ask("/fo/expiries?symbol=NIFTY")
    return { quality: call.quality, hasIv: call.iv !== null, isListed: body.expiries.includes(day) }
  })

const alive = { quality: "live", hasIv: true, isListed: true }
const over = { quality: "expired", hasIv: false, isListed: false }

layer(world({ config: { MARKET_CLOCK: "feed" } }), { excludeTestServices: true })("A chain on its last day", (it) => {
  it.effect("BE-DAY-02 is live with a volatility until 15:30 in July 2026, at 15:35 and until 15:40 in August, and then expired", () =>
    Effect.gen(function* () {
      const [july, august] = ["2026-07-28", "2026-08-04"] as const
      const registry = yield* InstrumentRegistry
      registry.set(master(july))
      assert.deepStrictEqual(yield* at(july, "15:29:59"), alive)
      assert.deepStrictEqual(yield* at(july, "15:30:00"), over)
      registry.set(master(august))
      assert.deepStrictEqual(yield* at(august, "15:30:00"), alive)
      assert.deepStrictEqual(yield* at(august, "15:35:00"), alive)
      assert.deepStrictEqual(yield* at(august, "15:39:59"), alive)
      assert.deepStrictEqual(yield* at(august, "15:40:00"), over)
    })
  )
})
