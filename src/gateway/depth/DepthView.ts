import type { Depth } from "../../contract/depth/DepthApi.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import type { Book } from "../../domain/market/depth/Books.ts"
import * as DepthMath from "../../domain/market/depth/Depth.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Rounding from "../../domain/options/Rounding.ts"

/** Decimal places of means, beyond those of the price. */
const meanPlaces = 2
const ratioPlaces = 4
/** Lots that one side must show for full depth in the liquidity score, unless the caller says otherwise. */
export const referenceLots = 10

interface Sizes {
  readonly size: number
  readonly reference_size: number
}

/** The order book of an instrument and its measures. Prices are computed in the wire's integers and converted once. */
export const of = (instrument: Instrument.Instrument, book: Book | undefined, sizes: Sizes): typeof Depth.Type => {
  const scale = Instrument.priceScale(instrument.token)
  const places = Money.placesOf(scale)
  const price = (int: number | null): number | null => (int === null ? null : int / scale)
  const mean = (int: number | null): number | null => (int === null ? null : Rounding.round(int / scale, places + meanPlaces))
  const ratio = (value: number | null): number | null => Rounding.round(value, ratioPlaces)
  const levels = (side: ReadonlyArray<DepthMath.Cumulative>) => side.map((level) => ({ ...level, price: level.price / scale }))

  const packet = book?.packet
  const sides: DepthMath.Book = { bids: packet?.bids ?? [], asks: packet?.asks ?? [] }
  const summary = DepthMath.summary(sides)
  const execution = (side: "BUY" | "SELL") => {
    const { filled, unfilled, averagePrice, slippage, slippageToMid } = DepthMath.execute(sides, side, sizes.size)
    return {
      filled,
      unfilled,
      average_price: mean(averagePrice),
      slippage: mean(slippage),
      slippage_to_mid: mean(slippageToMid)
    }
  }
  const exchangeMs = (packet?.exchangeTime ?? 0) * 1_000
  return {
    instrument_token: instrument.token,
    tradingsymbol: instrument.tradingsymbol,
    exchange: instrument.exchange,
    last_price: packet === undefined || packet.lastPrice === 0 ? null : price(packet.lastPrice),
    shape: packet === undefined ? null : summary.shape,
    spread: price(summary.spread),
    spread_bps: ratio(summary.spreadBps),
    mid: price(summary.mid),
    weighted_mid: mean(summary.weightedMid),
    imbalance: ratio(summary.imbalance),
    bid_units: summary.bidUnits,
    ask_units: summary.askUnits,
    bids: levels(summary.bids),
    asks: levels(summary.asks),
    size: sizes.size,
    buy: execution("BUY"),
    sell: execution("SELL"),
    liquidity: {
      score: packet === undefined ? null : ratio(DepthMath.liquidityScore(sides, sizes.reference_size)),
      reference_size: sizes.reference_size,
      formula: DepthMath.scoreFormula
    },
    as_of: book === undefined ? null : IndiaTime.isoTime(exchangeMs > 0 ? exchangeMs : book.receivedMs)
  }
}
