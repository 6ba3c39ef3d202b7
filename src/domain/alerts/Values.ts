import { Option } from "effect"
import * as Money from "../Money.ts"
import * as Frame from "../market/Frame.ts"
import * as Instrument from "../market/Instrument.ts"
import type { TickerStatus } from "../market/TickerStatus.ts"
import type * as ChainMessage from "../options/ChainMessage.ts"
import * as FrameHeader from "../record/FrameHeader.ts"
import type * as StrategyMessage from "../strategy/StrategyMessage.ts"
import type { ComputedField, PacketField, Watch } from "./AlertRule.ts"

type Of<S extends Watch["source"]> = Extract<Watch, { readonly source: S }>
type Value = Option.Option<Money.Decimal>

const ofNumber = (value: number | null | undefined): Value =>
  value === null || value === undefined || !Number.isFinite(value) ? Option.none() : Option.some(Money.ofNumber(value))

/** What one packet says of its instrument, and when it was received, UNIX ms. */
export interface Packet {
  readonly receivedMs: number
  readonly values: Readonly<Record<PacketField, Value>>
}

/** The packets of the wanted instruments in a frame, by token, in their order. A price of 0 is no price. */
export const packetsOf = (
  header: FrameHeader.FrameHeader,
  bytes: Uint8Array,
  isWanted: (token: number) => boolean
): ReadonlyMap<number, ReadonlyArray<Packet>> => {
  const packets = new Map<number, Array<Packet>>()
  let row = 0
  Frame.forEachPacket(bytes, (offset, length) => {
    const token = Frame.tokenAt(bytes, offset)
    const at = row++
    if (!isWanted(token)) return
    const units = (value: number) => (value < 0 ? Option.none() : Option.some(new Money.Decimal(value)))
    const price = Frame.lastPriceAt(bytes, offset)
    const values = {
      last_price: price === 0 ? Option.none() : Option.some(Money.toDecimal(price, Instrument.priceScale(token))),
      volume: units(Frame.volumeAt(bytes, offset, length)),
      oi: units(Frame.openInterestAt(bytes, offset, length))
    }
    const packet = { receivedMs: FrameHeader.receivedAtMs(header, at), values }
    const list = packets.get(token)
    if (list === undefined) packets.set(token, [packet])
    else list.push(packet)
  })
  return packets
}

/** None if the message lacks the instrument or a value of the field. */
export const ofTicks = (field: ComputedField, token: number, { columns }: ChainMessage.Ticks): Value => {
  const row = columns.instrument_token.indexOf(token)
  return row < 0 ? Option.none() : ofNumber(columns[field][row])
}

export const ofChain = ({ field }: Of<"chain">, chain: ChainMessage.Chain): Value => ofNumber(chain[field])

export const ofMark = ({ field }: Of<"strategy">, mark: StrategyMessage.Mark): Value => {
  const value = mark[field]
  return typeof value === "number" ? ofNumber(value) : Option.fromNullable(value)
}

export const ofTicker = ({ field }: Of<"feed">, status: TickerStatus): Value => {
  if (field === "is_streaming") return ofNumber(status.state === "streaming" ? 1 : 0)
  if (field === "dropped") return ofNumber(status.backpressure?.dropped)
  return ofNumber(status.last_tick_at === null ? null : Math.max(0, Date.parse(status.as_of) - Date.parse(status.last_tick_at)) / 1_000)
}
