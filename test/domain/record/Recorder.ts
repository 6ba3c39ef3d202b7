import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import { LastPackets } from "../../../src/domain/market/LastPackets.ts"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import type { Cause } from "../../../src/domain/record/Break.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import type * as RecordInput from "../../../src/domain/record/RecordInput.ts"
import type { Contract, Reference } from "../../../src/domain/record/Reference.ts"
import type * as StrategyDefinition from "../../../src/domain/record/StrategyDefinition.ts"
import { endsMs } from "../../Ends.ts"
import * as Packets from "../market/Packets.ts"

/** 10:00:00 IST of a trading day. */
export const startMs = Date.parse("2026-08-19T04:30:00Z")
export const expiry = "2026-08-25"
export const settings = { rate: 0.065, dividendYield: 0, staleAfterMs: 10_000 }

export const contract = (fields: Partial<Contract> & Pick<Contract, "instrument_token" | "kind">): Contract => ({
  tradingsymbol: `T${fields.instrument_token}`,
  segment: "NFO",
  expiry: fields.kind === "INDEX" || fields.kind === "EQ" ? null : expiry,
  strike: 0,
  tick_size: 0.05,
  lot_size: 75,
  ...fields
})

/** Tokens whose lowest byte is the segment: NFO 2, indices 9. */
export const nfo = (number: number): number => number * 256 + 2
export const spotToken = 1000 * 256 + 9
export const futureToken = nfo(1001)
export const optionToken = (strike: number, kind: "CE" | "PE", at = expiry): number =>
  nfo(strike * 2 + (kind === "CE" ? 0 : 1) + (at === expiry ? 0 : 200_000))

export const spot = contract({ instrument_token: spotToken, kind: "INDEX", tradingsymbol: "NIFTY 50", segment: "INDICES", tick_size: 0 })
export const future = contract({ instrument_token: futureToken, kind: "FUT" })
export const option = (strike: number, kind: "CE" | "PE", at = expiry): Contract =>
  contract({ instrument_token: optionToken(strike, kind, at), kind, strike, expiry: at, tradingsymbol: `NIFTY${at}${strike}${kind}` })

export const strikes = [24_300, 24_400, 24_500, 24_600, 24_700, 24_800]
export const chain = (at = expiry, of = strikes): Array<Contract> =>
  of.flatMap((strike) => [option(strike, "CE", at), option(strike, "PE", at)])

/** A packet as a test describes it; prices in rupees. */
export interface Packet {
  readonly token: number
  readonly price: number
  readonly atMs?: number
  readonly kind?: Frame.Kind
  readonly volume?: number
  readonly oi?: number
  readonly bid?: number
  readonly ask?: number
  readonly close?: number
  readonly exchangeMs?: number
  readonly tradeMs?: number
}

/** Black-76 prices with one volatility, rounded to the tick grid. */
export const modelPrice = (strike: number, kind: "CE" | "PE", forward: number, vol: number, atMs: number, at = expiry): number => {
  const t = IndiaTime.yearsTo(endsMs(at), atMs)
  const price = Black76.priceOf(kind === "CE" ? 1 : -1, forward, strike, t, settings.rate, vol)
  return Math.max(1, Math.round(price * 20)) / 20
}

export const chainPackets = (forward: number, vol: number, atMs: number, at = expiry): Array<Packet> =>
  chain(at).map(({ instrument_token, strike, kind }) => ({
    token: instrument_token,
    price: modelPrice(strike, kind === "PE" ? "PE" : "CE", forward, vol, atMs, at),
    volume: 1000,
    oi: 500,
    atMs
  }))

/** Writes a record like the tickers do: numbered frames, clocks, references and definitions in one order. */
export class Recorder {
  readonly inputs: Array<RecordInput.RecordInput> = []
  readonly #numbers = new Map<string, number>()
  readonly #last = new Map<string, LastPackets>()
  readonly #writer = new Frame.Writer()
  readonly #columns = Frame.makeColumns()
  readonly #packets = new Map<RecordInput.RecordInput, ReadonlyArray<Packet>>()

  get #seq(): number {
    return this.inputs.length + 1
  }

  /** The next number of a frame stream. Skipping one simulates a lost frame. */
  number(account = "ACC1", underlying = "NIFTY", incarnation = 1): number {
    const key = `${account} ${underlying} ${incarnation}`
    const number = this.#numbers.get(key) ?? 0
    this.#numbers.set(key, number + 1)
    return number
  }

  frame(
    baseMs: number,
    packets: ReadonlyArray<Packet>,
    options: {
      readonly account?: string
      readonly exchange?: string
      readonly underlying?: string
      readonly incarnation?: number
      readonly number?: number
    } = {}
  ): this {
    const { account = "ACC1", exchange = "NSE", underlying = "NIFTY", incarnation = 1 } = options
    const runs: Array<number> = []
    for (const packet of packets) {
      FrameHeader.addRun(runs, baseMs, packet.atMs ?? baseMs, 1)
      const scale = Instrument.priceScale(packet.token)
      const int = (price: number | undefined) => Math.round((price ?? 0) * scale)
      const isIndex = Instrument.isIndex(packet.token)
      Packets.setRow(this.#columns, 0, packet.kind ?? (isIndex ? Frame.Kind.indexFull : Frame.Kind.full), {
        token: packet.token,
        lastPrice: int(packet.price),
        close: int(packet.close),
        volume: packet.volume ?? 0,
        oi: packet.oi ?? 0,
        exchangeTime: Math.floor((packet.exchangeMs ?? 0) / 1000),
        lastTradeTime: Math.floor((packet.tradeMs ?? 0) / 1000),
        bids: [{ price: int(packet.bid), quantity: 75, orders: 1 }],
        asks: [{ price: int(packet.ask), quantity: 75, orders: 1 }]
      })
      this.#writer.append(this.#columns, 0)
    }
    const number = options.number ?? this.number(account, underlying, incarnation)
    const header: FrameHeader.FrameHeader = { account, epoch: 1, incarnation, number, baseReceivedMs: baseMs, source: "simulator", runs }
    const bytes = this.#writer.finish()
    const lane = `${account} ${underlying}`
    const last = this.#last.get(lane) ?? new LastPackets()
    this.#last.set(lane, last)
    let row = 0
    Frame.forEachPacket(bytes, (offset, length) => last.note(bytes, offset, length, FrameHeader.receivedAtMs(header, row++)))
    const input: RecordInput.Frame = { _tag: "Frame", seq: this.#seq, exchange, underlying, header, bytes }
    this.#packets.set(input, packets)
    this.inputs.push(input)
    return this
  }

  /** What a frame was written from. */
  packetsOf(frame: RecordInput.Frame): ReadonlyArray<Packet> {
    return this.#packets.get(frame) ?? []
  }

  /** The keyframe of what an account has streamed so far, as its publisher writes it. */
  keyframe(atMs: number, account = "ACC1", underlying = "NIFTY", exchange = "NSE"): this {
    for (const { bytes, baseReceivedMs, runs } of this.#last.get(`${account} ${underlying}`)?.parts() ?? []) {
      const number = this.#numbers.get(`${account} ${underlying} 1`) ?? 0
      const header: FrameHeader.FrameHeader = { account, epoch: 1, incarnation: 1, number, baseReceivedMs, source: "simulator", runs }
      this.inputs.push({ _tag: "Keyframe", seq: this.#seq, exchange, underlying, header, atMs, bytes })
    }
    return this
  }

  /** A frame of bytes that `Frame.Writer` would not produce. */
  bytes(baseMs: number, bytes: Uint8Array): this {
    const header: FrameHeader.FrameHeader = {
      account: "ACC1",
      epoch: 1,
      incarnation: 1,
      number: this.number(),
      baseReceivedMs: baseMs,
      source: "simulator",
      runs: []
    }
    this.inputs.push({ _tag: "Frame", seq: this.#seq, exchange: "NSE", underlying: "NIFTY", header, bytes })
    return this
  }

  /** An interruption of what an account streams; `toMs` is null while it lasts. */
  interruption(
    fromMs: number,
    toMs: number | null,
    options: { readonly cause?: Cause; readonly account?: string; readonly incarnation?: number; readonly underlying?: string } = {}
  ): this {
    const { cause = "connection", account = "ACC1", incarnation = 1, underlying = "NIFTY" } = options
    const names = { v: 1, exchange: "NSE", underlying, account, incarnation, cause } as const
    const interruption = { ...names, from: new Date(fromMs), to: toMs === null ? null : new Date(toMs), packets: null }
    this.inputs.push({ _tag: "Break", seq: this.#seq, interruption })
    return this
  }

  clock(atMs: number, account = "ACC1"): this {
    this.inputs.push({ _tag: "Clock", seq: this.#seq, account, atMs })
    return this
  }

  reference(
    instruments: ReadonlyArray<Contract>,
    underlying = "NIFTY",
    exchange = "NSE",
    more: Pick<Reference, "listed_options"> = {}
  ): this {
    this.inputs.push({ _tag: "Reference", seq: this.#seq, reference: { v: 1, exchange, underlying, instruments, ...more } })
    return this
  }

  definition(
    legs: ReadonlyArray<StrategyDefinition.Leg>,
    options: { readonly owner?: string; readonly strategyId?: number } & Pick<
      StrategyDefinition.Definition,
      "ended" | "traded" | "unpriced"
    > = {}
  ): this {
    const { owner = "u1", strategyId = 7, ...more } = options
    this.inputs.push({ _tag: "Definition", seq: this.#seq, definition: { v: 1, strategy_id: strategyId, owner, legs, ...more } })
    return this
  }
}

export const leg = (
  legId: number,
  direction: StrategyDefinition.Direction,
  of: Contract,
  quantity: number,
  entryPrice: string,
  underlying = "NIFTY"
): StrategyDefinition.Leg => ({
  leg_id: legId,
  exchange: "NSE",
  underlying,
  contract: of,
  direction,
  quantity,
  entry_price: new Money.Decimal(entryPrice)
})
