import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Frame from "../../src/domain/market/Frame.ts"
import type * as Instrument from "../../src/domain/market/Instrument.ts"
import * as Shipped from "../../src/domain/rules/Shipped.ts"
import * as DaysMarket from "../../src/simulator/days/DaysMarket.ts"
import type { Market } from "../../src/simulator/Market.ts"
import { ist } from "../domain/market/Ist.ts"

type Packet = Frame.FullFields & { readonly kind: number; readonly atMs: number }

/** A few strikes of each. */
const few = DaysMarket.products.map((one) => ({ ...one, strikesEachSide: Math.min(one.strikesEachSide, 2) }))

interface Played {
  readonly market: Market
  readonly packets: ReadonlyArray<Packet>
  /** The values at each stage of each day. */
  readonly stages: ReadonlyArray<{
    readonly day: string
    readonly stage: string
    readonly instruments: ReadonlyArray<Instrument.Instrument>
  }>
  readonly cuts: ReadonlyArray<string>
  readonly hash: string
}

const play = (days: ReadonlyArray<string>, more: Partial<DaysMarket.Settings> = {}): Played => {
  const packets: Array<Packet> = []
  const stages: Array<Played["stages"][number]> = []
  const cuts: Array<string> = []
  const hash = createHash("sha256")
  const market = Effect.runSync(
    DaysMarket.make({
      ...DaysMarket.defaults,
      rules: Shipped.shipped,
      days,
      stepSeconds: 60,
      products: few,
      gate: (day, stage) => Effect.sync(() => void stages.push({ day, stage, instruments: market.instruments })),
      ...more
    })
  ) as Market
  const take = (row: number) => {
    const packet = { ...Frame.rowOf(market.columns, row), atMs: market.status().timeMs }
    packets.push(packet)
    hash.update(Float64Array.of(packet.token, packet.atMs, packet.lastPrice, packet.volume, packet.oi, packet.open, packet.close))
  }
  Effect.runSync(
    market.run({
      publish: (rows, count) => {
        for (let at = 0; at < count; at++) take(rows[at] as number)
      },
      publishToAll: take,
      cut: () => void cuts.push(new Date(market.status().timeMs).toISOString()),
      delivered: Effect.void,
      subscribed: Effect.void
    })
  )
  return { market, packets, stages, cuts, hash: hash.digest("hex") }
}

// biome-ignore lint/suspicious/noExplicitAny: JSON as a client gets it
const truthOf = ({ market }: Played, day: string): any => market.truth?.(day)
const tokenOf = (instruments: ReadonlyArray<Instrument.Instrument>, symbol: string) =>
  instruments.find(({ tradingsymbol }) => tradingsymbol === symbol)?.token ?? -1
const listedOn = (played: Played, day: string) =>
  played.stages.find((one) => one.day === day && one.stage === "dump out")?.instruments ?? []
const packetsOf = (played: Played, day: string, symbol: string) => {
  const token = tokenOf(listedOn(played, day), symbol)
  return played.packets.filter((one) => one.token === token && one.atMs >= ist(`${day}T00:00:00`) && one.atMs < ist(`${day}T23:59:59`))
}
const minutesOf = (played: Played, day: string, symbol: string): ReadonlyArray<ReadonlyArray<string | number>> =>
  truthOf(played, day).instruments.find((one: { tradingsymbol: string }) => one.tradingsymbol === symbol)?.minutes ?? []
const span = (minutes: ReadonlyArray<ReadonlyArray<string | number>>) => [minutes.length, minutes[0]?.[0], minutes.at(-1)?.[0]]

describe("DaysMarket", () => {
  const week = play(DaysMarket.daysFrom("2026-07-27", 10))

  it("the same settings give the same packets and truth, another seed others", () => {
    const again = play(DaysMarket.daysFrom("2026-07-27", 10))
    assert.strictEqual(again.hash, week.hash)
    assert.deepStrictEqual(truthOf(again, "2026-08-04"), truthOf(week, "2026-08-04"))
    assert.notStrictEqual(play(DaysMarket.daysFrom("2026-07-27", 1), { seed: 2 }).hash, play(DaysMarket.daysFrom("2026-07-27", 1)).hash)
  })

  it("sessions are the rulebook's: closed weekends, F&O to 15:40 from 3 August 2026, commodities into the evening", () => {
    assert.deepStrictEqual(span(minutesOf(week, "2026-08-01", "NIFTY 50")), [0, undefined, undefined])
    assert.deepStrictEqual(span(minutesOf(week, "2026-07-31", "NIFTY 50")), [375, "2026-07-31T03:45:00.000Z", "2026-07-31T09:59:00.000Z"])
    assert.deepStrictEqual(span(minutesOf(week, "2026-07-31", "NIFTY26AUGFUT")), [
      375,
      "2026-07-31T03:45:00.000Z",
      "2026-07-31T09:59:00.000Z"
    ])
    assert.deepStrictEqual(span(minutesOf(week, "2026-08-03", "NIFTY 50")), [360, "2026-08-03T03:45:00.000Z", "2026-08-03T09:44:00.000Z"])
    assert.deepStrictEqual(span(minutesOf(week, "2026-08-03", "NIFTY26AUGFUT")), [
      385,
      "2026-08-03T03:45:00.000Z",
      "2026-08-03T10:09:00.000Z"
    ])
    // A commodity trades in every minute from 9:00 to 23:30, in the evening too.
    assert.deepStrictEqual(span(minutesOf(week, "2026-08-03", "CRUDEOIL26AUGFUT")), [
      870,
      "2026-08-03T03:30:00.000Z",
      "2026-08-03T17:59:00.000Z"
    ])
  })

  it("in the closing auction the index does not move while options trade; then it takes the auction's price", () => {
    const frozen = packetsOf(week, "2026-08-03", "NIFTY 50").filter(
      ({ atMs }) => atMs >= ist("2026-08-03T15:15:00") && atMs < ist("2026-08-03T15:35:00")
    )
    assert.isAbove(frozen.length, 15)
    assert.strictEqual(new Set(frozen.map(({ lastPrice }) => lastPrice)).size, 1)
    const after = packetsOf(week, "2026-08-03", "NIFTY 50").find(({ atMs }) => atMs === ist("2026-08-03T15:35:00"))
    assert.notStrictEqual(after?.lastPrice, frozen[0]?.lastPrice)
    const next = packetsOf(week, "2026-08-04", "NIFTY 50").find(({ atMs }) => atMs === ist("2026-08-04T09:15:00"))
    assert.strictEqual(next?.close, after?.lastPrice)
  })

  it("pre-open prices make no session; a day's volume and range start with the session, while open interest continues", () => {
    const [first] = packetsOf(week, "2026-07-28", "NIFTY26AUGFUT").filter(({ atMs }) => atMs >= ist("2026-07-28T09:15:00"))
    const preopen = packetsOf(week, "2026-07-28", "NIFTY26AUGFUT").filter(({ atMs }) => atMs < ist("2026-07-28T09:15:00"))
    assert.isAbove(preopen.length, 5)
    for (const { volume, open, lastPrice } of preopen)
      assert.deepStrictEqual([volume, open, lastPrice < (first?.lastPrice ?? 0)], [0, 0, true])
    assert.deepStrictEqual([first?.open, first?.high, first?.low], [first?.lastPrice, first?.lastPrice, first?.lastPrice])
    assert.strictEqual(first?.volume, first?.lastQuantity)
    const before = truthOf(week, "2026-07-27").instruments.find((one: { tradingsymbol: string }) => one.tradingsymbol === "NIFTY26AUGFUT")
    assert.isAtMost(Math.abs((first?.oi ?? 0) - before.oi), first?.lastQuantity ?? 0)
    assert.isAbove(before.volume, first?.volume ?? 0)
  })

  it("an expired contract disappears the next day, settled at its underlying's close, and its token is reused", () => {
    const listed = (day: string) => new Map(listedOn(week, day).map((one) => [one.tradingsymbol, one.token]))
    const [before, after] = [listed("2026-08-04"), listed("2026-08-05")]
    const gone = [...before.keys()].filter((symbol) => !after.has(symbol))
    assert.isTrue(gone.length > 0 && gone.every((symbol) => symbol.startsWith("NIFTY26804")))
    const tokens = new Set(gone.map((symbol) => before.get(symbol)))
    const reused = [...after].filter(([symbol, token]) => !before.has(symbol) && tokens.has(token))
    assert.strictEqual(reused.length, gone.length)
    assert.isTrue([...after].every(([symbol, token]) => !before.has(symbol) || before.get(symbol) === token))
    const { settlements } = truthOf(week, "2026-08-04")
    const close = packetsOf(week, "2026-08-04", "NIFTY 50").at(-1)?.lastPrice ?? 0
    for (const { tradingsymbol, price, from } of settlements) {
      const strike = Number(tradingsymbol.slice("NIFTY26804".length, -2))
      const intrinsic = Math.max(0, tradingsymbol.endsWith("CE") ? close / 100 - strike : strike - close / 100)
      assert.deepStrictEqual([Number(price), from], [Math.round(intrinsic * 100) / 100, "close of the underlying"])
    }
    assert.strictEqual(settlements.length, gone.length)
  })

  it("an expiring option trades until the last second before expiry and never after", () => {
    const symbol = [...listedOn(week, "2026-08-04")].find(({ expiry }) => expiry === "2026-08-04")?.tradingsymbol ?? ""
    assert.strictEqual(packetsOf(week, "2026-08-04", symbol).at(-1)?.atMs, ist("2026-08-04T15:39:59"))
    const july =
      [...listedOn(week, "2026-07-28")].find(({ expiry, name }) => expiry === "2026-07-28" && name === "NIFTY")?.tradingsymbol ?? ""
    assert.strictEqual(packetsOf(week, "2026-07-28", july).at(-1)?.atMs, ist("2026-07-28T15:29:59"))
  })

  it("access tokens expire and connections end at six each morning", () => {
    assert.deepStrictEqual(
      week.cuts,
      DaysMarket.daysFrom("2026-07-28", 9).map((day) => new Date(ist(`${day}T06:00:00`)).toISOString())
    )
  })

  it("a known strategy keeps its realised profit, and counts contracts by their multiplier", () => {
    const strategies = truthOf(week, "2026-08-05").strategies
    const [strangle, crude] = strategies
    const settled = strangle.legs.filter((leg: { settlement_price: string | null }) => leg.settlement_price !== null)
    assert.strictEqual(settled.length, 2)
    for (const { realised_pnl, entry_price, settlement_price, quantity } of settled)
      assert.closeTo(Number(realised_pnl), (Number(entry_price) - Number(settlement_price)) * quantity, 1e-6)
    assert.strictEqual(strangle.realised_pnl, truthOf(week, "2026-07-28").strategies[0].realised_pnl)
    const [leg] = crude.legs
    assert.deepStrictEqual([leg.quantity, leg.multiplier], [1, 100])
    assert.closeTo(Number(leg.unrealised_pnl), (Number(leg.last_price) - Number(leg.entry_price)) * 100, 1e-6)
  })

  it("a holiday, a Muhurat hour, a budget Sunday, a change of lot and a split follow the rulebook and the settings", () => {
    const special = play(["2025-10-20", "2025-10-21", "2025-10-22", "2025-12-30", "2025-12-31", "2026-01-31", "2026-02-01", "2026-02-02"], {
      products: few.map((one) => (one.name === "NIFTY" ? { ...one, monthlies: 4 } : one)),
      splits: [{ name: "M&M", on: "2026-02-02", factor: 2 }]
    })
    assert.deepStrictEqual(span(minutesOf(special, "2025-10-21", "NIFTY 50")), [60, "2025-10-21T08:15:00.000Z", "2025-10-21T09:14:00.000Z"])
    assert.deepStrictEqual(span(minutesOf(special, "2025-10-22", "NIFTY 50")), [0, undefined, undefined])
    assert.deepStrictEqual(span(minutesOf(special, "2025-10-22", "CRUDEOIL25NOVFUT")).slice(1), [
      "2025-10-22T11:30:00.000Z",
      "2025-10-22T17:59:00.000Z"
    ])
    assert.deepStrictEqual(span(minutesOf(special, "2026-01-31", "NIFTY 50")), [0, undefined, undefined])
    assert.deepStrictEqual(span(minutesOf(special, "2026-02-01", "NIFTY 50")), [
      375,
      "2026-02-01T03:45:00.000Z",
      "2026-02-01T09:59:00.000Z"
    ])
    const lot = (day: string) => listedOn(special, day).find(({ tradingsymbol }) => tradingsymbol === "NIFTY26MAR24500CE")?.lotSize
    assert.deepStrictEqual([lot("2025-12-30"), lot("2025-12-31")], [75, 65])
    const priceOf = (day: string) => minutesOf(special, day, "M&M")[0]?.[1] as number
    assert.closeTo(priceOf("2026-02-01") / priceOf("2026-02-02"), 2, 0.1)
    const token = tokenOf(special.market.instruments, "M&M")
    const history = special.market.minutes(token, { fromMs: ist("2026-02-01T09:15:00"), toMs: ist("2026-02-01T09:15:30") })
    assert.closeTo((history[0]?.open ?? 0) / 100, priceOf("2026-02-01") / 2, 0.01)
  })

  it("refuses a day of unpublished hours by name", () => {
    const error = Effect.runSync(Effect.flip(DaysMarket.make({ ...DaysMarket.defaults, rules: Shipped.shipped, days: ["2026-11-08"] })))
    assert.include(error.message, "the hours of Diwali Laxmi Pujan (Muhurat) are not published")
  })
})
