import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import { Random } from "../../../src/simulator/Random.ts"
import * as SyntheticBook from "../../../src/simulator/synthetic/SyntheticBook.ts"
import * as SyntheticMarket from "../../../src/simulator/synthetic/SyntheticMarket.ts"
import * as SyntheticSettings from "../../../src/simulator/synthetic/SyntheticSettings.ts"
import { endsMs } from "../../Ends.ts"

const startMs = Date.parse("2026-11-22T04:00:00Z")
const make = (settings: Partial<SyntheticSettings.Settings> = {}) =>
  SyntheticMarket.make({ ...SyntheticSettings.defaults, startMs, strikesEachSide: 4, ...settings })

/** Every tick, as the packet that would be sent. */
const record = (market: SyntheticMarket.SyntheticMarket, steps: ReadonlyArray<number>) => {
  const ticks: Array<Frame.FullFields & { readonly kind: number }> = []
  for (const at of steps) {
    market.advance(at, (rows, count) => {
      for (let index = 0; index < count; index++) ticks.push(Frame.rowOf(market.columns, rows[index]!))
    })
  }
  return ticks
}
const everyMs = (stepMs: number, seconds: number) =>
  Array.from({ length: (seconds * 1000) / stepMs }, (_, index) => startMs + (index + 1) * stepMs)

const rowOf = (market: SyntheticMarket.SyntheticMarket, instrument: Instrument.Instrument) =>
  Frame.rowOf(market.columns, market.rowByToken.get(instrument.token)!)
const bySymbol = (market: SyntheticMarket.SyntheticMarket, symbol: string) =>
  market.instruments.find((one) => one.tradingsymbol === symbol)!
const isOption = (instrument: Instrument.Instrument) => instrument.instrumentType === "CE" || instrument.instrumentType === "PE"

describe("SyntheticMarket, seeding", () => {
  it("TC-MATL-020 seeds once, at the configured base prices, and covers every instrument of its dump", () => {
    const market = make({ basePrices: { NIFTY: 25_000, "M&M": 3_333.3 } })
    expect(rowOf(market, bySymbol(market, "NIFTY 50"))).toMatchObject({ lastPrice: 2_500_000, open: 2_500_000, close: 2_500_000 })
    expect(rowOf(market, bySymbol(market, "M&M")).lastPrice).toBe(333_330)
    expect(rowOf(market, bySymbol(market, "NIFTY BANK")).lastPrice).toBe(5_750_000)
    for (const instrument of market.instruments) {
      const row = rowOf(market, instrument)
      expect([row.token, row.lastPrice > 0, row.exchangeTime]).toEqual([instrument.token, true, startMs / 1000])
    }
    // Without a change of time nothing changes, however often `advance` is called.
    const seeded = market.instruments.map((instrument) => rowOf(market, instrument))
    expect(record(market, [startMs, startMs, startMs])).toEqual([])
    expect(market.instruments.map((instrument) => rowOf(market, instrument))).toEqual(seeded)
  })

  it("has an index, shares, futures and options of several expiries, and a share without derivatives", () => {
    const market = make()
    const kinds = (name: string) =>
      new Set(market.instruments.filter((one) => Instrument.underlyingOf(one)?.name === name).map(Instrument.kindOf))
    expect(kinds("NIFTY")).toEqual(new Set(["INDEX", "FUT", "CE", "PE"]))
    expect(kinds("RELIANCE")).toEqual(new Set(["EQ", "FUT", "CE", "PE"]))
    expect(kinds("M&M")).toEqual(new Set(["EQ"]))
    const expiries = (name: string, type: string) =>
      [...new Set(market.instruments.filter((one) => one.name === name && one.instrumentType === type).map((one) => one.expiry))].sort()
    expect(expiries("NIFTY", "CE")).toEqual([
      "2026-11-23",
      "2026-12-01",
      "2026-12-08",
      "2026-12-15",
      "2026-12-22",
      "2026-12-29",
      "2027-01-26"
    ])
    expect(expiries("NIFTY", "FUT")).toEqual(["2026-11-23", "2026-12-29", "2027-01-26"])
    expect(expiries("BANKNIFTY", "PE")).toEqual(["2026-11-23", "2026-12-29", "2027-01-26"])
  })

  it("never lists an expiry that has passed", () => {
    const first = (time: string) => {
      const market = make({ startMs: Date.parse(time) })
      return market.instruments
        .map((one) => one.expiry)
        .filter((expiry) => expiry !== null)
        .sort()[0]
    }
    expect(first("2026-11-23T10:09:59Z")).toBe("2026-11-23")
    expect(first("2026-11-23T10:10:00Z")).toBe("2026-12-01")
  })

  it("tokens are exchange token x 256 + segment, unique, and the same for a contract at every start", () => {
    const today = make()
    for (const one of today.instruments) {
      const segment = one.exchange === "NFO" ? 2 : one.segment === "INDICES" ? 9 : 1
      expect(one.token).toBe(one.exchangeToken * 256 + segment)
    }
    expect(new Set(today.instruments.map((one) => one.token)).size).toBe(today.instruments.length)
    const tomorrow = make({ startMs: startMs + IndiaTime.dayMs, basePrices: { NIFTY: 24_600 }, strikesEachSide: 9 })
    const token = (market: SyntheticMarket.SyntheticMarket, symbol: string) => bySymbol(market, symbol).token
    for (const symbol of ["NIFTY26NOV24500CE", "NIFTY26D0124500PE", "RELIANCE26DEC1310CE", "BANKNIFTY26DECFUT"]) {
      expect(token(tomorrow, symbol)).toBe(token(today, symbol))
    }
  })

  it("Instrument reads its dump back completely", () => {
    const market = make({ strikesEachSide: 40 })
    expect(Instrument.parseCsv(Instrument.formatCsv(market.instruments))).toEqual({ instruments: market.instruments, rejected: [] })
  })
})

describe("SyntheticMarket, ticks", () => {
  it("TC-MATL-021 100 ticks of an option: price above 0 and within the variation, volume within its own, time monotonic, no NaN", () => {
    const variation = 0.01
    const volumeLotsMax = 4
    const market = make({ variation, volumeLotsMax, rate: 10 })
    const seeded = new Map(market.instruments.map((one) => [one.token, rowOf(market, one)]))
    const all = record(market, everyMs(100, 11))
    for (const symbol of ["NIFTY26NOV24500CE", "NIFTY26D0124400PE", "BANKNIFTY26DEC57300CE", "RELIANCE26NOV1310PE"]) {
      const option = bySymbol(market, symbol)
      const product = SyntheticSettings.products.find((one) => one.name === option.name)!
      const t = IndiaTime.yearsTo(endsMs(option.expiry!), startMs)
      const at = (spot: number) => {
        const f = SyntheticBook.forward(spot * 100, t)
        const vol = SyntheticBook.smile(product.volatility, f, option.strike, t)
        return Black76.priceOf(option.instrumentType === "CE" ? 1 : -1, f, option.strike, t, SyntheticBook.rate, vol)
      }
      const ends = [at(product.basePrice * (1 - variation)), at(product.basePrice * (1 + variation))]
      // A trade is at the bid or the ask, at most three ticks from the model; ten seconds of decay are less than a tick.
      const slack = 4 * option.tickSize + Math.max(...ends) * 0.001
      const ticks = all.filter((tick) => tick.token === option.token).slice(0, 100)
      expect(ticks.length).toBe(100)
      let volume = seeded.get(option.token)!.volume
      let time = startMs / 1000
      for (const tick of ticks) {
        expect(tick.lastPrice).toBeGreaterThan(0)
        expect(tick.lastPrice).toBeGreaterThanOrEqual(Math.min(...ends) - slack)
        expect(tick.lastPrice).toBeLessThanOrEqual(Math.max(...ends) + slack)
        const traded = tick.volume - volume
        expect([traded % option.lotSize, traded >= option.lotSize, traded <= volumeLotsMax * option.lotSize]).toEqual([0, true, true])
        expect(tick.exchangeTime).toBeGreaterThanOrEqual(time)
        expect(
          Object.values(tick)
            .flat()
            .every((value) => typeof value === "object" || Number.isSafeInteger(value))
        ).toBe(true)
        volume = tick.volume
        time = tick.exchangeTime
      }
    }
  })

  it("every packet is coherent: prices on the tick grid, book uncrossed, day range and open interest around the last values, volume never falling", () => {
    const market = make({ rate: 5 })
    const instruments = new Map(market.instruments.map((one) => [one.token, one]))
    const volumes = new Map<number, number>()
    for (const tick of record(market, everyMs(50, 3))) {
      const instrument = instruments.get(tick.token)!
      expect([tick.low <= tick.lastPrice, tick.lastPrice <= tick.high, tick.low <= tick.open, tick.open <= tick.high]).toEqual([
        true,
        true,
        true,
        true
      ])
      if (tick.kind === Frame.Kind.indexFull) continue
      const prices = [...tick.bids, ...tick.asks].map((level) => level.price)
      expect([tick.lastPrice, ...prices].filter((price) => price % instrument.tickSize !== 0)).toEqual([])
      const bids = tick.bids.filter((level) => level.price > 0)
      expect(bids.every((level, index) => index === 0 || level.price < bids[index - 1]!.price)).toBe(true)
      expect(tick.asks.every((level, index) => index === 0 || level.price > tick.asks[index - 1]!.price)).toBe(true)
      expect(tick.asks[0]!.price).toBeGreaterThan(bids[0]?.price ?? 0)
      expect(tick.bids.every((level) => level.price > 0 === (level.quantity > 0 && level.orders > 0))).toBe(true)
      expect(tick.volume).toBeGreaterThan(volumes.get(tick.token) ?? 0)
      volumes.set(tick.token, tick.volume)
      expect([tick.averagePrice > 0, tick.oi >= tick.oiDayLow, tick.oi <= tick.oiDayHigh]).toEqual([true, true, true])
    }
  })

  it.prop(
    "the same seed gives the same packets, however often `advance` is called",
    [FastCheck.array(FastCheck.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 })],
    ([gaps]) => {
      const steps: Array<number> = []
      let at = startMs
      for (const gap of gaps) {
        at += gap
        steps.push(at)
      }
      expect(record(make({ strikesEachSide: 1 }), steps)).toEqual(
        record(
          make({ strikesEachSide: 1 }),
          everyMs(1, 4).filter((time) => time <= at)
        )
      )
    },
    { fastCheck: { numRuns: 25 } }
  )

  it("another seed gives another market", () => {
    const of = (seed: number) => record(make({ seed }), everyMs(100, 1))
    expect(of(1)).toEqual(of(1))
    expect(of(1)).not.toEqual(of(2))
  })

  it("ticks every instrument at the configured rate", () => {
    const market = make({ rate: 3 })
    const counts = new Map<number, number>()
    for (const tick of record(market, everyMs(20, 10))) counts.set(tick.token, (counts.get(tick.token) ?? 0) + 1)
    expect([...counts.keys()].length).toBe(market.instruments.length)
    expect(new Set(counts.values())).toEqual(new Set([30]))
  })

  it("a batch never contains a row twice, and after a gap only the last second is published", () => {
    const market = make({ rate: 20, strikesEachSide: 1 })
    let ticks = 0
    market.advance(startMs + 60_000, (rows, count) => {
      expect(new Set(rows.subarray(0, count)).size).toBe(count)
      ticks += count
    })
    expect(ticks).toBe(20 * market.instruments.length)
    expect(market.status()).toEqual({ timeMs: startMs + 60_000, speed: 1, state: "running" })
  })

  it("moves, and stays within the configured variation", () => {
    const market = make({ variation: 0.001, rate: 1, strikesEachSide: 1 })
    const spots = record(market, everyMs(1000, 600))
      .filter((tick) => tick.token === 256265)
      .map((tick) => tick.lastPrice)
    expect(new Set(spots).size).toBeGreaterThan(100)
    expect([Math.min(...spots) >= 2_450_000 * 0.999 - 5, Math.max(...spots) <= 2_450_000 * 1.001 + 5]).toEqual([true, true])
  })

  it("a contract that expires while the market runs stops ticking", () => {
    const market = make({ startMs: Date.parse("2026-11-23T10:09:58Z"), rate: 5 })
    const steps = Array.from({ length: 8 }, (_, index) => Date.parse("2026-11-23T10:09:58Z") + (index + 1) * 500)
    const over = Date.parse("2026-11-23T10:10:00Z") / 1000
    const expiring = new Set(market.instruments.filter((one) => one.expiry === "2026-11-23").map((one) => one.token))
    const ticks = record(market, steps)
    expect(ticks.some((tick) => expiring.has(tick.token))).toBe(true)
    expect(ticks.filter((tick) => expiring.has(tick.token) && tick.exchangeTime >= over)).toEqual([])
    expect(ticks.some((tick) => tick.exchangeTime > over)).toBe(true)
  })
})

describe("SyntheticMarket, the smile", () => {
  it("call prices fall and put prices rise with the strike, and every bid and ask holds put-call parity", () => {
    const market = make({ strikesEachSide: 40 })
    const options = market.instruments.filter((one) => isOption(one) && one.name === "NIFTY")
    for (const expiry of new Set(options.map((one) => one.expiry!))) {
      const t = IndiaTime.yearsTo(endsMs(expiry), startMs)
      const discount = Math.exp(-SyntheticBook.rate * t)
      const f = SyntheticBook.forward(2_450_000, t)
      const calls = options.filter((one) => one.expiry === expiry && one.instrumentType === "CE")
      let before = Number.POSITIVE_INFINITY
      for (const call of calls) {
        const vol = SyntheticBook.smile(0.13, f, call.strike, t)
        const price = Black76.priceOf(1, f, call.strike, t, SyntheticBook.rate, vol)
        expect(price).toBeLessThan(before)
        before = price
        const put = options.find((one) => one.expiry === expiry && one.strike === call.strike && one.instrumentType === "PE")!
        const [c, p] = [rowOf(market, call), rowOf(market, put)]
        const parity = discount * (f - call.strike)
        expect((c.asks[0]?.price ?? 0) - (p.bids[0]?.price ?? 0)).toBeGreaterThanOrEqual(parity)
        expect((c.bids[0]?.price ?? 0) - (p.asks[0]?.price ?? 0)).toBeLessThanOrEqual(parity)
      }
    }
  })
})

describe("Random", () => {
  it("repeats by seed, fills [0, 1) evenly, and its normal has mean 0 and deviation 1", () => {
    const numbers = (seed: number) => {
      const random = new Random(seed)
      return Array.from({ length: 20_000 }, () => random.next())
    }
    const [one, other] = [numbers(7), numbers(8)]
    expect(one).toEqual(numbers(7))
    expect(one.slice(0, 5)).not.toEqual(other.slice(0, 5))
    const buckets = new Array<number>(10).fill(0)
    for (const value of one) buckets[Math.floor(value * 10)]!++
    expect(buckets.every((count) => count > 1800 && count < 2200)).toBe(true)
    const random = new Random(9)
    const normals = Array.from({ length: 20_000 }, () => random.normal())
    const mean = normals.reduce((sum, value) => sum + value, 0) / normals.length
    const variance = normals.reduce((sum, value) => sum + (value - mean) ** 2, 0) / normals.length
    expect([Math.abs(mean) < 0.05, Math.abs(variance - 1) < 0.05]).toEqual([true, true])
  })
})
