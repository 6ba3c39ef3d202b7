import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as Position from "../../../src/domain/accounts/Position.ts"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import { OrderDesk } from "../../../src/simulator/orders/OrderDesk.ts"
import * as Phases from "../../../src/simulator/orders/Phases.ts"
import { Ledger } from "../../../src/simulator/portfolio/Ledger.ts"
import * as PortfolioRoutes from "../../../src/simulator/portfolio/PortfolioRoutes.ts"
import * as Route from "../../../src/simulator/Route.ts"
import * as Sessions from "../../../src/simulator/Sessions.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { compareShapes, recordedAnswer, whereRecorded } from "../RecordedShape.ts"
import { first } from "../SimulatorWorld.ts"
import { stillMarket } from "../StillMarket.ts"

const share = anInstrument(0x101, { instrumentType: "EQ", exchange: "NSE", name: "SHARE", tradingsymbol: "SHARE", lotSize: 1 })
const future = anInstrument(0x202, { instrumentType: "FUT", tradingsymbol: "FUTURE", expiry: "2026-11-24", lotSize: 1 })
const instruments = [share, future]

/** A market of two instruments whose days and prices the test decides. */
const world = () => {
  let timeMs = Date.parse("2026-11-23T04:00:00Z")
  const market = stillMarket("synthetic", instruments, () => timeMs)
  const ledger = new Ledger(market, 1_000_000, () => IndiaTime.istDate(timeMs))
  const rows = Uint32Array.of(0, 1)
  const prices = (sharePrice: number, futurePrice: number) => {
    for (const [row, lastPrice] of [sharePrice, futurePrice].entries()) {
      const token = instruments[row]?.token ?? 0
      Packets.setRow(market.columns, row, Frame.Kind.full, { token, lastPrice, close: 10_000 })
    }
    ledger.onRows(rows, 2)
  }
  const day = (text: string) => {
    timeMs = Date.parse(`${text}T04:00:00Z`)
  }
  const fill = (instrument: typeof share, product: string, side: "BUY" | "SELL", quantity: number, price: number) =>
    ledger.fill({ apiKey: first.apiKey, instrument, product, side, quantity, price })
  return { market, ledger, prices, day, fill }
}

describe("the ledger over days", () => {
  it("carries a future at its cost, settles its gain each day, and ends it after its expiry", () => {
    const { day, fill, ledger, prices } = world()
    prices(10_000, 20_000)
    fill(future, "NRML", "BUY", 100, 20_000)
    prices(10_000, 20_500)
    day("2026-11-24")
    expect(ledger.openingCash(first.apiKey, "equity")).toBe(1_000_500)
    expect(ledger.positions(first.apiKey)).toMatchObject([{ position: { overnightQuantity: 100, overnightValue: 2_000_000 } }])
    prices(10_000, 19_900)
    day("2026-11-25")
    expect(ledger.openingCash(first.apiKey, "equity")).toBe(999_900)
    expect(ledger.positions(first.apiKey)).toEqual([])
  })

  it("turns shares bought for delivery into a holding, which a sale reduces", () => {
    const { day, fill, ledger, prices } = world()
    prices(10_000, 20_000)
    fill(share, "CNC", "BUY", 10, 10_000)
    expect(ledger.holdings(first.apiKey)).toEqual([])
    day("2026-11-24")
    expect(ledger.holdings(first.apiKey)).toMatchObject([{ settled: 0, t1: 10, value: 100_000 }])
    expect(ledger.openingCash(first.apiKey, "equity")).toBe(999_000)
    day("2026-11-25")
    expect(ledger.holdings(first.apiKey)).toMatchObject([{ settled: 10, t1: 0, value: 100_000 }])
    fill(share, "CNC", "SELL", 4, 11_000)
    expect(Position.net(ledger.position(first.apiKey, share.token, "CNC"))).toBe(-4)
    day("2026-11-26")
    expect(ledger.holdings(first.apiKey)).toMatchObject([{ settled: 6, t1: 0, value: 60_000 }])
    fill(share, "CNC", "SELL", 6, 11_000)
    day("2026-11-27")
    expect(ledger.holdings(first.apiKey)).toEqual([])
    expect(ledger.openingCash(first.apiKey, "equity")).toBe(1_000_100)
  })

  /** The answer for ten shares bought yesterday, three of them sold today. */
  const holdings = () => {
    const { day, fill, ledger, market, prices } = world()
    prices(10_000, 20_000)
    fill(share, "CNC", "BUY", 10, 9_000)
    day("2026-11-24")
    fill(share, "CNC", "SELL", 3, 10_000)
    prices(10_200, 20_000)
    const sessions = new Sessions.Sessions([first], () => market.status().timeMs)
    const desk = new OrderDesk({
      market,
      nowMs: () => 0,
      lagMs: 0,
      publish: () => {},
      onFill: () => {},
      phases: Phases.endless
    })
    const guard = Route.makeGuard({ sessions, nowMs: () => 0, rateLimits: false })
    const session = sessions.login(first.apiKey, "").pipe(
      Either.flatMap((location) => {
        const token = new URL(location).searchParams.get("request_token") ?? ""
        return sessions.exchange(first.apiKey, token, Sessions.checksumOf(first.apiKey, token, first.apiSecret))
      }),
      Either.getOrThrow
    )
    const route = PortfolioRoutes.make(market, guard, ledger, desk)["/portfolio/holdings"]
    const request: Route.Request = {
      method: "GET",
      url: "/portfolio/holdings",
      authorization: `token ${first.apiKey}:${session.accessToken}`,
      kiteVersion: "3",
      gzip: false,
      body: ""
    }
    return JSON.parse(String(route?.answer(request, new URLSearchParams()).body))
  }

  it("a holding's row has Kite's figures", () => {
    expect(holdings().data).toMatchObject([
      { t1_quantity: 10, used_quantity: 3, opening_quantity: 10, average_price: 90, last_price: 102, pnl: 120, day_change: 2 }
    ])
  })

  it("holdings have the recorded keys and types", (context) => {
    const recorded = recordedAnswer("holdings.json")
    if (recorded === undefined) return context.skip(`no recorded answers in ${whereRecorded}`)
    compareShapes(holdings(), recorded)
  })
})
