import { toNumber } from "../../domain/Money.ts"
import * as Frame from "../../domain/market/Frame.ts"
import { priceScale } from "../../domain/market/Instrument.ts"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import type { Row } from "../views/ChainView.ts"

const modeOf = (kind: Frame.Kind): "ltp" | "quote" | "full" =>
  kind === Frame.Kind.ltp ? "ltp" : kind === Frame.Kind.quote || kind === Frame.Kind.indexQuote ? "quote" : "full"

/** Data shared by the ticks of one frame. It is made once per frame, so that a tick allocates only its message. */
export interface FrameContext {
  readonly bytes: Uint8Array
  readonly header: FrameHeader.FrameHeader
  readonly epoch: number
  /** Sequence of the frame in MD_FRAMES. */
  readonly seq: number
}

/**
 * The packet at `offset` as a `tick` message. `row` is the packet's position in its frame, from 0; `option` is the option's newest published
 * row. Prices are in rupees. A field is null when the packet's kind does not have it or the book has no such level.
 */
export const of = (
  { bytes, header, epoch, seq }: FrameContext,
  row: number,
  offset: number,
  kind: Frame.Kind,
  tradingsymbol: string | null,
  option: Row | undefined
): string => {
  const token = Frame.tokenAt(bytes, offset)
  const scale = priceScale(token)
  const price = (int: number) => (int === 0 ? null : toNumber(int, scale))
  const exchangeTime = Frame.exchangeTimeAt(bytes, offset, kind)
  const data = {
    instrument_token: token,
    tradingsymbol,
    last_price: toNumber(Frame.lastPriceAt(bytes, offset), scale),
    volume: Frame.hasVolume(kind) ? Frame.volumeAt(bytes, offset, kind) : null,
    oi: Frame.hasOpenInterest(kind) ? Frame.openInterestAt(bytes, offset, kind) : null,
    bid: price(Frame.bestBidAt(bytes, offset, kind)),
    ask: price(Frame.bestAskAt(bytes, offset, kind)),
    close: price(Frame.closeAt(bytes, offset, kind)),
    iv: option?.iv ?? null,
    delta: option?.delta ?? null,
    gamma: option?.gamma ?? null,
    theta: option?.theta ?? null,
    vega: option?.vega ?? null,
    timestamp: new Date(exchangeTime > 0 ? exchangeTime * 1000 : FrameHeader.receivedAtMs(header, row)).toISOString(),
    mode: modeOf(kind),
    is_mock: header.source === "simulator"
  }
  return JSON.stringify({ type: "tick", data, epoch, seq, row })
}
