import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Packets from "./Packets.ts"

const reference = process.env["TARANG_REFERENCE_DATA"]
const kite = reference === undefined ? undefined : join(reference, "kite")
const recorded = (file: string) => kite !== undefined && existsSync(join(kite, file))
const read = (file: string) => readFileSync(join(kite ?? "", file))
const absent = "(skipped without the recorded packets of TARANG_REFERENCE_DATA)"

const u16 = FastCheck.integer({ min: 0, max: 0xffff })
// Half of the values are near the edges, because other clients get the sign bit wrong.
const u32 = FastCheck.oneof(
  FastCheck.integer({ min: 0, max: 0xffffffff }),
  FastCheck.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff)
)
const level = FastCheck.record({ price: u32, quantity: u32, orders: u16 })
const levels = FastCheck.array(level, { minLength: 5, maxLength: 5 })
const ltp = { token: u32, lastPrice: u32 }
const indexQuote = { ...ltp, open: u32, high: u32, low: u32, close: u32 }
const indexFull = { ...indexQuote, exchangeTime: u32 }
const quote = { ...indexQuote, lastQuantity: u32, averagePrice: u32, volume: u32, buyQuantity: u32, sellQuantity: u32 }
const full = { ...quote, lastTradeTime: u32, oi: u32, oiDayHigh: u32, oiDayLow: u32, exchangeTime: u32, bids: levels, asks: levels }

interface Case {
  readonly kind: Frame.Kind
  readonly fields: Packets.Fields
  readonly body: Uint8Array
}
const packet: FastCheck.Arbitrary<Case> = FastCheck.oneof(
  FastCheck.record(ltp).map((fields) => ({ kind: Frame.Kind.ltp, fields, body: Packets.encodeLtp(fields) })),
  FastCheck.record(quote).map((fields) => ({ kind: Frame.Kind.quote, fields, body: Packets.encodeQuote(fields) })),
  FastCheck.record(full).map((fields) => ({ kind: Frame.Kind.full, fields, body: Packets.encodeFull(fields) })),
  FastCheck.record(indexQuote).map((fields) => ({ kind: Frame.Kind.indexQuote, fields, body: Packets.encodeIndexQuote(fields) })),
  FastCheck.record(indexFull).map((fields) => ({ kind: Frame.Kind.indexFull, fields, body: Packets.encodeIndexFull(fields) }))
)

const zeros = Array.from({ length: 5 }, () => ({ price: 0, quantity: 0, orders: 0 }))
const zeroRow: Frame.FullFields = {
  token: 0,
  lastPrice: 0,
  lastQuantity: 0,
  averagePrice: 0,
  volume: 0,
  buyQuantity: 0,
  sellQuantity: 0,
  open: 0,
  high: 0,
  low: 0,
  close: 0,
  lastTradeTime: 0,
  oi: 0,
  oiDayHigh: 0,
  oiDayLow: 0,
  exchangeTime: 0,
  bids: zeros,
  asks: zeros
}

const rowsOf = (columns: Frame.Columns) => Array.from({ length: columns.count }, (_, row) => Frame.rowOf(columns, row))
const decoded = (bytes: Uint8Array) => {
  const columns = Frame.makeColumns(1)
  const { bad } = Frame.decode(bytes, columns)
  return { bad, rows: rowsOf(columns), columns }
}

const paise = (rupees: number) => Math.round(rupees * 100)
interface RecordedTick {
  readonly instrument_token: number
  readonly last_price: number
  readonly last_quantity: number
  readonly average_price: number
  readonly volume: number
  readonly buy_quantity: number
  readonly sell_quantity: number
  readonly ohlc: { readonly open: number; readonly high: number; readonly low: number; readonly close: number }
  readonly last_trade_time: string
  readonly timestamp: string
  readonly oi: number
  readonly oi_day_high: number
  readonly oi_day_low: number
  readonly depth: { readonly buy: ReadonlyArray<Frame.Level>; readonly sell: ReadonlyArray<Frame.Level> }
}
const json = (file: string): RecordedTick => JSON.parse(read(file).toString())
const body = (file: string) => new Uint8Array(Buffer.from(read(file).toString(), "base64"))
const quoteOf = (tick: RecordedTick) => ({
  token: tick.instrument_token,
  lastPrice: paise(tick.last_price),
  lastQuantity: tick.last_quantity,
  averagePrice: paise(tick.average_price),
  volume: tick.volume,
  buyQuantity: tick.buy_quantity,
  sellQuantity: tick.sell_quantity,
  open: paise(tick.ohlc.open),
  high: paise(tick.ohlc.high),
  low: paise(tick.ohlc.low),
  close: paise(tick.ohlc.close)
})

describe("Frame, Kite's recorded packets", () => {
  it.skipIf(!recorded("ticker_quote.packet"))(`a quote packet ${absent}`, () => {
    const { rows, bad } = decoded(Frame.frameOf([body("ticker_quote.packet")]))
    expect(bad).toBe(0)
    expect(rows).toEqual([{ ...zeroRow, kind: Frame.Kind.quote, ...quoteOf(json("ticker_quote.json")) }])
  })

  it.skipIf(!recorded("ticker_full.packet"))(`a full packet with its depth ${absent}`, () => {
    const { rows, bad } = decoded(Frame.frameOf([body("ticker_full.packet")]))
    const tick = json("ticker_full.json")
    const inPaise = (level: Frame.Level) => ({ ...level, price: paise(level.price) })
    expect(bad).toBe(0)
    expect(rows).toEqual([
      {
        kind: Frame.Kind.full,
        ...quoteOf(tick),
        lastTradeTime: Date.parse(tick.last_trade_time) / 1000,
        oi: tick.oi,
        oiDayHigh: tick.oi_day_high,
        oiDayLow: tick.oi_day_low,
        exchangeTime: Date.parse(tick.timestamp) / 1000,
        bids: tick.depth.buy.map(inPaise),
        asks: tick.depth.sell.map(inPaise)
      }
    ])
  })

  it.skipIf(!recorded("ticker_full.packet"))(`writing a recorded packet gives the same bytes ${absent}`, () => {
    for (const file of ["ticker_full.packet", "ticker_quote.packet"]) {
      const frame = Frame.frameOf([body(file)])
      const { columns } = decoded(frame)
      const writer = new Frame.Writer(2)
      writer.append(columns, 0)
      expect(writer.finish()).toEqual(frame)
    }
  })
})

describe("Frame", () => {
  it("reads a packet at Kite's byte offsets", () => {
    const bytes = new Uint8Array(4 + 184)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, 1)
    view.setUint16(2, 184)
    // Each u32 of the body holds its own offset, so reading at a wrong offset returns another number.
    for (let at = 0; at < 64; at += 4) view.setUint32(4 + at, 1000 + at)
    for (let entry = 0; entry < 10; entry++) {
      view.setUint32(4 + 64 + entry * 12, 10 + entry)
      view.setUint32(4 + 68 + entry * 12, 20 + entry)
      view.setUint16(4 + 72 + entry * 12, 30 + entry)
      view.setUint16(4 + 74 + entry * 12, 0xffff)
    }
    const entry = (index: number) => ({ quantity: 10 + index, price: 20 + index, orders: 30 + index })
    expect(decoded(bytes).rows).toEqual([
      {
        kind: 184,
        token: 1000,
        lastPrice: 1004,
        lastQuantity: 1008,
        averagePrice: 1012,
        volume: 1016,
        buyQuantity: 1020,
        sellQuantity: 1024,
        open: 1028,
        high: 1032,
        low: 1036,
        close: 1040,
        lastTradeTime: 1044,
        oi: 1048,
        oiDayHigh: 1052,
        oiDayLow: 1056,
        exchangeTime: 1060,
        bids: [0, 1, 2, 3, 4].map(entry),
        asks: [5, 6, 7, 8, 9].map(entry)
      }
    ])
  })

  it("reads an index packet, whose prices have another order: high, low, open, close, change, time", () => {
    const body = new Uint8Array(32)
    const view = new DataView(body.buffer)
    for (let at = 0; at < 32; at += 4) view.setUint32(at, 1000 + at)
    const expected = { ...zeroRow, token: 1000, lastPrice: 1004, high: 1008, low: 1012, open: 1016, close: 1020 }
    expect(decoded(Frame.frameOf([body, body.subarray(0, 28)])).rows).toEqual([
      { ...expected, kind: 32, exchangeTime: 1028 },
      { ...expected, kind: 28 }
    ])
  })

  it("reads values of 2^31 and more as unsigned", () => {
    const [row] = decoded(Frame.frameOf([Packets.encodeQuote({ ...zeroRow, token: 0xfffffffe, volume: 3_000_000_000 })])).rows
    expect([row!.token, row!.volume]).toEqual([0xfffffffe, 3_000_000_000])
  })

  it("writes an index's change against the previous close", () => {
    const fall = Packets.encodeIndexFull({
      token: 256265,
      lastPrice: 2_400_000,
      open: 0,
      high: 0,
      low: 0,
      close: 2_410_050,
      exchangeTime: 1
    })
    expect(new DataView(fall.buffer).getInt32(24)).toBe(-10_050)
  })

  it.prop("reading returns what was written", [FastCheck.array(packet, { maxLength: 40 })], ([cases]) => {
    const { rows, bad, columns } = decoded(Frame.frameOf(cases.map((one) => one.body)))
    expect(bad).toBe(0)
    expect(rows).toEqual(cases.map((one) => ({ ...zeroRow, ...one.fields, kind: one.kind })))
    const writer = new Frame.Writer(0)
    for (let row = 0; row < columns.count; row++) writer.append(columns, row)
    expect(writer.finish()).toEqual(Frame.frameOf(cases.map((one) => one.body)))
  })

  it.prop("reused columns keep nothing of the previous frame", [packet, packet], ([before, after]) => {
    const columns = Frame.makeColumns(1)
    Frame.decode(Frame.frameOf([before.body, before.body]), columns)
    Frame.decode(Frame.frameOf([after.body]), columns)
    expect(rowsOf(columns)).toEqual([{ ...zeroRow, ...after.fields, kind: after.kind }])
  })

  it.prop("a row sent in a smaller mode has that mode's fields", [FastCheck.record(full)], ([fields]) => {
    const columns = Frame.makeColumns(1)
    Packets.setRow(columns, 0, Frame.Kind.full, fields)
    const writer = new Frame.Writer()
    writer.append(columns, 0, Frame.Kind.quote)
    writer.append(columns, 0, Frame.Kind.ltp)
    expect(writer.finish()).toEqual(Frame.frameOf([Packets.encodeQuote(fields), Packets.encodeLtp(fields)]))
  })

  it.prop(
    "forEachPacket visits the packets that decode reads",
    [FastCheck.array(packet, { maxLength: 20 }), FastCheck.nat(40)],
    ([cases, cut]) => {
      const whole = Frame.frameOf(cases.map((one) => one.body))
      const frame = whole.subarray(0, Math.max(0, whole.length - cut))
      const { rows, bad } = decoded(frame)
      const walked: Array<ReadonlyArray<number>> = []
      const walkedBad = Frame.forEachPacket(frame, (offset, length) => {
        walked.push([length, Frame.tokenAt(frame, offset), Frame.lastPriceAt(frame, offset), Frame.exchangeTimeAt(frame, offset, length)])
      })
      expect(walkedBad).toBe(bad)
      expect(walked).toEqual(rows.map((row) => [row.kind, row.token, row.lastPrice, row.exchangeTime]))
      if (cut === 0) expect(Frame.packetCount(frame)).toBe(cases.length)
    }
  )

  it.prop("random bytes never throw", [FastCheck.uint8Array({ maxLength: 600 })], ([bytes]) => {
    const { rows, bad } = decoded(bytes)
    expect(rows.length).toBeLessThanOrEqual(Frame.packetCount(bytes))
    expect(bad).toBe(Frame.forEachPacket(bytes, () => {}))
  })

  it.prop(
    "an invalid body costs one packet, and its neighbours are read",
    [packet, FastCheck.uint8Array({ maxLength: 300 }).filter((bytes) => !Frame.isKind(bytes.length)), packet],
    ([before, hostile, after]) => {
      const { rows, bad } = decoded(Frame.frameOf([before.body, hostile, after.body]))
      expect(bad).toBe(1)
      expect(rows.map((row) => [row.kind, row.token])).toEqual([before, after].map((one) => [one.kind, one.fields.token]))
    }
  )

  it.prop(
    "a truncated frame gives the packets before the cut",
    [FastCheck.array(packet, { minLength: 1 }), FastCheck.double({ min: 0, max: 1, noNaN: true })],
    ([cases, share]) => {
      const whole = Frame.frameOf(cases.map((one) => one.body))
      const cut = 2 + Math.floor((whole.length - 3) * share)
      let end = 2
      const complete = cases.filter((one) => {
        end += 2 + one.kind
        return end <= cut
      })
      const { rows, bad } = decoded(whole.subarray(0, cut))
      expect(rows.map((row) => row.token)).toEqual(complete.map((one) => one.fields.token))
      expect(bad).toBe(1)
    }
  )

  it("counts invalid frames: empty, a cut header, a count beyond the bytes, bytes beyond the count", () => {
    expect(decoded(new Uint8Array(0)).bad).toBe(1)
    expect(decoded(new Uint8Array([0, 0])).bad).toBe(0)
    expect(decoded(new Uint8Array([0xff, 0xff])).bad).toBe(1)
    expect(decoded(new Uint8Array([0, 1, 0])).bad).toBe(1)
    expect(decoded(new Uint8Array([0, 0, 0, 8])).bad).toBe(1)
  })

  it("TC-MATL-032 a packet of an unknown length, and one that is cut off, are handed over apart; all others are visited", () => {
    const body = (length: number, token: number) => {
      const bytes = new Uint8Array(length)
      new DataView(bytes.buffer).setUint32(0, token)
      return bytes
    }
    const bytes = Frame.frameOf([body(8, 1), body(100, 2), body(44, 3), body(184, 4)])
    const seen = (cut: Uint8Array) => {
      const visited: Array<number> = []
      const refused: Array<readonly [token: number, length: number]> = []
      const bad = Frame.forEachPacket(
        cut,
        (offset) => void visited.push(Frame.tokenAt(cut, offset)),
        (offset, length) => void refused.push([Frame.tokenAt(cut, offset), length])
      )
      return { visited, refused, bad }
    }
    expect(seen(bytes)).toEqual({ visited: [1, 3, 4], refused: [[2, 100]], bad: 1 })
    const cut = {
      visited: [1, 3],
      refused: [
        [2, 100],
        [4, 184]
      ],
      bad: 2
    }
    expect(seen(bytes.subarray(0, bytes.length - 1))).toEqual(cut)
    expect(seen(bytes.subarray(0, bytes.length - 180))).toEqual(cut)
  })

  it("a heartbeat has no packets and is not bad", () => {
    const heartbeat = new Uint8Array([0])
    expect([
      decoded(heartbeat).rows,
      decoded(heartbeat).bad,
      Frame.packetCount(heartbeat),
      Frame.forEachPacket(heartbeat, () => {})
    ]).toEqual([[], 0, 0, 0])
  })

  it("reads a frame inside a larger buffer", () => {
    const frame = Frame.frameOf([Packets.encodeLtp({ token: 7, lastPrice: 9 })])
    const pool = new Uint8Array(frame.length + 6)
    pool.set(frame, 3)
    expect(decoded(pool.subarray(3, 3 + frame.length)).rows.map((row) => [row.token, row.lastPrice])).toEqual([[7, 9]])
  })

  it("says which fields a kind has", () => {
    const fields = (kind: number) =>
      [Frame.hasOhlc, Frame.hasVolume, Frame.hasExchangeTime, Frame.hasDepth, Frame.hasOpenInterest, Frame.isIndex].map((has) => has(kind))
    expect(fields(Frame.Kind.ltp)).toEqual([false, false, false, false, false, false])
    expect(fields(Frame.Kind.quote)).toEqual([true, true, false, false, false, false])
    expect(fields(Frame.Kind.full)).toEqual([true, true, true, true, true, false])
    expect(fields(Frame.Kind.indexQuote)).toEqual([true, false, false, false, false, true])
    expect(fields(Frame.Kind.indexFull)).toEqual([true, false, true, false, false, true])
  })

  it("gives the best level of a row", () => {
    const columns = Frame.makeColumns(2)
    Packets.setRow(columns, 1, Frame.Kind.full, {
      token: 1,
      lastPrice: 1,
      bids: [{ price: 3, quantity: 4, orders: 1 }],
      asks: [{ price: 5, quantity: 6, orders: 1 }]
    })
    expect([Frame.bestBidPrice, Frame.bestAskPrice].map((best) => best(columns, 1))).toEqual([3, 5])
  })

  it("refuses a kind that does not exist and a packet beyond the count's range", () => {
    const writer = new Frame.Writer()
    expect(() => writer.append(Frame.makeColumns(1), 0)).toThrow("packet kind 0")
    const body = new Uint8Array(8)
    for (let packet = 0; packet < Frame.packetsMax; packet++) writer.appendBytes(body, 0, 8)
    expect(() => writer.appendBytes(body, 0, 8)).toThrow("at most 65535")
    expect([writer.count, writer.byteLength]).toEqual([65_535, 2 + 65_535 * 10])
  })
})
