/**
 * Kite's WebSocket binary layout as typed-array columns: big-endian, unsigned.
 * A frame is u16 packetCount, then per packet u16 length + body. The body's length identifies its kind. A message of one byte is a
 * heartbeat.
 * Prices are the wire's integers (paise, or 1e-4 / 1e-7 for currency; `Instrument.priceScale(token)` is the divisor). Times are UNIX
 * seconds; 0 means no time.
 * Source: kite.trade/docs/connect/v3/websocket. Where it says nothing (unsigned, index layout), the Go and Python clients.
 */

/** A packet's kind is its body length in bytes. */
export const Kind = { ltp: 8, indexQuote: 28, indexFull: 32, quote: 44, full: 184 } as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** Largest value of a packet's unsigned 32-bit fields. */
export const u32Max = 0xffffffff
/** Levels a side of the order book in a full packet; the stride of the depth columns. */
export const depthLevels = 5
/** The packet count is a u16. */
export const packetsMax = 65_535
/** Bytes of the frame header, and of each packet's length. */
export const headerBytes = 2

const capacityDefault = 64

export const isKind = (length: number): length is Kind =>
  length === Kind.full || length === Kind.quote || length === Kind.ltp || length === Kind.indexFull || length === Kind.indexQuote
/** Which fields a kind carries; a field it does not carry is 0 in the columns. */
export const hasOhlc = (kind: number): boolean => kind !== Kind.ltp
export const hasVolume = (kind: number): boolean => kind === Kind.quote || kind === Kind.full
export const hasExchangeTime = (kind: number): boolean => kind === Kind.full || kind === Kind.indexFull
export const hasDepth = (kind: number): boolean => kind === Kind.full
export const hasOpenInterest = hasDepth
export const isIndex = (kind: number): boolean => kind === Kind.indexFull || kind === Kind.indexQuote

/** Rows 0..count-1 are valid. Growing replaces the arrays, so do not keep references to them. */
export interface Columns {
  count: number
  capacity: number
  token: Uint32Array
  kind: Uint8Array
  lastPrice: Uint32Array
  lastQuantity: Uint32Array
  averagePrice: Uint32Array
  volume: Uint32Array
  buyQuantity: Uint32Array
  sellQuantity: Uint32Array
  open: Uint32Array
  high: Uint32Array
  low: Uint32Array
  /** Previous session's close. */
  close: Uint32Array
  lastTradeTime: Uint32Array
  oi: Uint32Array
  oiDayHigh: Uint32Array
  oiDayLow: Uint32Array
  exchangeTime: Uint32Array
  /** Depth: level l of row r at r * depthLevels + l, best level first. */
  bidPrice: Uint32Array
  bidQuantity: Uint32Array
  bidOrders: Uint32Array
  askPrice: Uint32Array
  askQuantity: Uint32Array
  askOrders: Uint32Array
}

/** The columns with one value per row, except `kind`. */
export const rowColumns = [
  "token",
  "lastPrice",
  "lastQuantity",
  "averagePrice",
  "volume",
  "buyQuantity",
  "sellQuantity",
  "open",
  "high",
  "low",
  "close",
  "lastTradeTime",
  "oi",
  "oiDayHigh",
  "oiDayLow",
  "exchangeTime"
] as const satisfies ReadonlyArray<keyof Columns>

const depthColumns = ["bidPrice", "bidQuantity", "bidOrders", "askPrice", "askQuantity", "askOrders"] as const satisfies ReadonlyArray<
  keyof Columns
>

export const makeColumns = (capacity: number = capacityDefault): Columns => {
  const row = () => new Uint32Array(capacity)
  const depth = () => new Uint32Array(capacity * depthLevels)
  return {
    count: 0,
    capacity,
    token: row(),
    kind: new Uint8Array(capacity),
    lastPrice: row(),
    lastQuantity: row(),
    averagePrice: row(),
    volume: row(),
    buyQuantity: row(),
    sellQuantity: row(),
    open: row(),
    high: row(),
    low: row(),
    close: row(),
    lastTradeTime: row(),
    oi: row(),
    oiDayHigh: row(),
    oiDayLow: row(),
    exchangeTime: row(),
    bidPrice: depth(),
    bidQuantity: depth(),
    bidOrders: depth(),
    askPrice: depth(),
    askQuantity: depth(),
    askOrders: depth()
  }
}

const grown = (array: Uint32Array, length: number): Uint32Array => {
  const next = new Uint32Array(length)
  next.set(array)
  return next
}

/** Makes room for `capacity` rows and keeps their values. The capacity at least doubles, so that growth is rare. */
export const ensureCapacity = (columns: Columns, capacity: number): void => {
  if (capacity <= columns.capacity) return
  const next = Math.max(capacity, columns.capacity * 2)
  for (const name of rowColumns) columns[name] = grown(columns[name], next)
  for (const name of depthColumns) columns[name] = grown(columns[name], next * depthLevels)
  const kind = new Uint8Array(next)
  kind.set(columns.kind)
  columns.kind = kind
  columns.capacity = next
}

export const bestBidPrice = (columns: Columns, row: number): number => columns.bidPrice[row * depthLevels] ?? 0
export const bestAskPrice = (columns: Columns, row: number): number => columns.askPrice[row * depthLevels] ?? 0

const clearTrade = (columns: Columns, row: number): void => {
  columns.lastQuantity[row] = 0
  columns.averagePrice[row] = 0
  columns.volume[row] = 0
  columns.buyQuantity[row] = 0
  columns.sellQuantity[row] = 0
  columns.open[row] = 0
  columns.high[row] = 0
  columns.low[row] = 0
  columns.close[row] = 0
}

const clearFull = (columns: Columns, row: number): void => {
  columns.lastTradeTime[row] = 0
  columns.oi[row] = 0
  columns.oiDayHigh[row] = 0
  columns.oiDayLow[row] = 0
  for (let level = row * depthLevels; level < (row + 1) * depthLevels; level++) {
    columns.bidPrice[level] = 0
    columns.bidQuantity[level] = 0
    columns.bidOrders[level] = 0
    columns.askPrice[level] = 0
    columns.askQuantity[level] = 0
    columns.askOrders[level] = 0
  }
}

const readTrade = (view: DataView, at: number, columns: Columns, row: number): void => {
  columns.lastQuantity[row] = view.getUint32(at + 8)
  columns.averagePrice[row] = view.getUint32(at + 12)
  columns.volume[row] = view.getUint32(at + 16)
  columns.buyQuantity[row] = view.getUint32(at + 20)
  columns.sellQuantity[row] = view.getUint32(at + 24)
  columns.open[row] = view.getUint32(at + 28)
  columns.high[row] = view.getUint32(at + 32)
  columns.low[row] = view.getUint32(at + 36)
  columns.close[row] = view.getUint32(at + 40)
}

const readFull = (view: DataView, at: number, columns: Columns, row: number): void => {
  columns.lastTradeTime[row] = view.getUint32(at + 44)
  columns.oi[row] = view.getUint32(at + 48)
  columns.oiDayHigh[row] = view.getUint32(at + 52)
  columns.oiDayLow[row] = view.getUint32(at + 56)
  columns.exchangeTime[row] = view.getUint32(at + 60)
  for (let level = 0; level < depthLevels; level++) {
    const bid = at + 64 + level * 12
    const ask = bid + depthLevels * 12
    const to = row * depthLevels + level
    columns.bidQuantity[to] = view.getUint32(bid)
    columns.bidPrice[to] = view.getUint32(bid + 4)
    columns.bidOrders[to] = view.getUint16(bid + 8)
    columns.askQuantity[to] = view.getUint32(ask)
    columns.askPrice[to] = view.getUint32(ask + 4)
    columns.askOrders[to] = view.getUint16(ask + 8)
  }
}

const readIndex = (view: DataView, at: number, columns: Columns, row: number): void => {
  // An index has its prices in another order than an instrument. The change at offset 24 is not read: it is last - close.
  columns.high[row] = view.getUint32(at + 8)
  columns.low[row] = view.getUint32(at + 12)
  columns.open[row] = view.getUint32(at + 16)
  columns.close[row] = view.getUint32(at + 20)
}

/** A field that the kind does not carry becomes 0. It is 0 already if the row's previous kind did not carry it either. */
const readPacket = (view: DataView, at: number, kind: Kind, columns: Columns, row: number): void => {
  const before = columns.kind[row] ?? 0
  columns.kind[row] = kind
  columns.token[row] = view.getUint32(at)
  columns.lastPrice[row] = view.getUint32(at + 4)
  if (kind === Kind.full) {
    readTrade(view, at, columns, row)
    readFull(view, at, columns, row)
    return
  }
  if (before === Kind.full) clearFull(columns, row)
  if (hasExchangeTime(before)) columns.exchangeTime[row] = 0
  if (kind === Kind.quote) {
    readTrade(view, at, columns, row)
    return
  }
  if (hasOhlc(before)) clearTrade(columns, row)
  if (kind === Kind.ltp) return
  readIndex(view, at, columns, row)
  if (kind === Kind.indexFull) columns.exchangeTime[row] = view.getUint32(at + 28)
}

/**
 * Decodes a whole frame into rows 0..count-1, replacing what an earlier frame left there. No other code may write to these columns.
 * Never throws. Each of these counts as one `bad`: a packet of unknown length; a packet that the frame's end cuts off (decoding stops
 * there); bytes after the last packet. A heartbeat has no rows and is not bad.
 */
export const decode = (bytes: Uint8Array, into: Columns): { readonly bad: number } => {
  into.count = 0
  if (bytes.length === 1) return { bad: 0 }
  if (bytes.length < headerBytes) return { bad: 1 }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const packets = view.getUint16(0)
  ensureCapacity(into, Math.min(packets, Math.floor(bytes.length / (headerBytes + Kind.ltp))))
  let at = headerBytes
  let bad = 0
  for (let packet = 0; packet < packets; packet++) {
    const length = at + headerBytes <= bytes.length ? view.getUint16(at) : packetsMax
    const body = at + headerBytes
    if (body + length > bytes.length) return { bad: bad + 1 }
    if (isKind(length)) readPacket(view, body, length, into, into.count++)
    else bad++
    at = body + length
  }
  return { bad: at < bytes.length ? bad + 1 : bad }
}

// Big-endian reads without a DataView, for callers that need two or three fields. Bytes past the end read as 0.
const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
const u32 = (bytes: Uint8Array, at: number): number => ((u16(bytes, at) << 16) | u16(bytes, at + 2)) >>> 0

/** The number of packets that a frame's header states; 0 for a heartbeat. */
export const packetCount = (bytes: Uint8Array): number => (bytes.length < headerBytes ? 0 : u16(bytes, 0))

const ignore = (): void => {}

/**
 * Visits the body (offset, length) of every packet of a known kind, in order; returns what `decode` counts as bad. `refuse` gets each packet
 * of another length, and one that the frame's end cuts off: its body may end before `length`.
 */
export const forEachPacket = (
  bytes: Uint8Array,
  visit: (offset: number, length: Kind) => void,
  refuse: (offset: number, length: number) => void = ignore
): number => {
  if (bytes.length === 1) return 0
  if (bytes.length < headerBytes) return 1
  const packets = u16(bytes, 0)
  let at = headerBytes
  let bad = 0
  for (let packet = 0; packet < packets; packet++) {
    const body = at + headerBytes
    const length = u16(bytes, at)
    const isCut = body + length > bytes.length
    if (!isCut && isKind(length)) visit(body, length)
    else {
      refuse(body, length)
      bad++
    }
    if (isCut) return bad
    at = body + length
  }
  return at < bytes.length ? bad + 1 : bad
}

/** Every packet begins with its token. */
export const tokenBytes = 4
/** Fields of one packet body at the offset that `forEachPacket` passes. */
export const tokenAt = (bytes: Uint8Array, offset: number): number => u32(bytes, offset)
export const lastPriceAt = (bytes: Uint8Array, offset: number): number => u32(bytes, offset + 4)
/** UNIX seconds of the last trade; 0 before the first trade, or if the kind carries no trade time. */
export const lastTradeTimeAt = (bytes: Uint8Array, offset: number, length: number): number =>
  length === Kind.full ? u32(bytes, offset + 44) : 0
/** UNIX seconds; 0 if the kind carries no time. */
export const exchangeTimeAt = (bytes: Uint8Array, offset: number, length: number): number =>
  length === Kind.full ? u32(bytes, offset + 60) : length === Kind.indexFull ? u32(bytes, offset + 28) : 0

/** The previous session's close; 0 if the kind carries none. */
export const closeAt = (bytes: Uint8Array, offset: number, length: number): number =>
  hasVolume(length) ? u32(bytes, offset + 40) : isIndex(length) ? u32(bytes, offset + 20) : 0
/** The best prices of the book; 0 if the kind has no book or that side is empty. */
export const bestBidAt = (bytes: Uint8Array, offset: number, length: number): number => (hasDepth(length) ? u32(bytes, offset + 68) : 0)
export const bestAskAt = (bytes: Uint8Array, offset: number, length: number): number =>
  hasDepth(length) ? u32(bytes, offset + 68 + depthLevels * 12) : 0

/** The exchange's cumulative volume of the day; -1 if the kind carries none. */
export const volumeAt = (bytes: Uint8Array, offset: number, length: number): number => (hasVolume(length) ? u32(bytes, offset + 16) : -1)
/** Open interest in units; -1 if the kind carries none. */
export const openInterestAt = (bytes: Uint8Array, offset: number, length: number): number =>
  hasOpenInterest(length) ? u32(bytes, offset + 48) : -1

const writeTrade = (view: DataView, at: number, columns: Columns, row: number): void => {
  view.setUint32(at + 8, columns.lastQuantity[row] ?? 0)
  view.setUint32(at + 12, columns.averagePrice[row] ?? 0)
  view.setUint32(at + 16, columns.volume[row] ?? 0)
  view.setUint32(at + 20, columns.buyQuantity[row] ?? 0)
  view.setUint32(at + 24, columns.sellQuantity[row] ?? 0)
  view.setUint32(at + 28, columns.open[row] ?? 0)
  view.setUint32(at + 32, columns.high[row] ?? 0)
  view.setUint32(at + 36, columns.low[row] ?? 0)
  view.setUint32(at + 40, columns.close[row] ?? 0)
}

const writeFull = (view: DataView, at: number, columns: Columns, row: number): void => {
  view.setUint32(at + 44, columns.lastTradeTime[row] ?? 0)
  view.setUint32(at + 48, columns.oi[row] ?? 0)
  view.setUint32(at + 52, columns.oiDayHigh[row] ?? 0)
  view.setUint32(at + 56, columns.oiDayLow[row] ?? 0)
  view.setUint32(at + 60, columns.exchangeTime[row] ?? 0)
  for (let level = 0; level < depthLevels; level++) {
    const bid = at + 64 + level * 12
    const ask = bid + depthLevels * 12
    const from = row * depthLevels + level
    view.setUint32(bid, columns.bidQuantity[from] ?? 0)
    view.setUint32(bid + 4, columns.bidPrice[from] ?? 0)
    view.setUint32(bid + 8, (columns.bidOrders[from] ?? 0) << 16)
    view.setUint32(ask, columns.askQuantity[from] ?? 0)
    view.setUint32(ask + 4, columns.askPrice[from] ?? 0)
    view.setUint32(ask + 8, (columns.askOrders[from] ?? 0) << 16)
  }
}

const writeIndex = (view: DataView, at: number, columns: Columns, row: number): void => {
  const lastPrice = columns.lastPrice[row] ?? 0
  const close = columns.close[row] ?? 0
  view.setUint32(at + 8, columns.high[row] ?? 0)
  view.setUint32(at + 12, columns.low[row] ?? 0)
  view.setUint32(at + 16, columns.open[row] ?? 0)
  view.setUint32(at + 20, close)
  view.setInt32(at + 24, lastPrice - close)
}

const writePacket = (view: DataView, at: number, kind: Kind, columns: Columns, row: number): void => {
  view.setUint32(at, columns.token[row] ?? 0)
  view.setUint32(at + 4, columns.lastPrice[row] ?? 0)
  if (kind === Kind.ltp) return
  if (isIndex(kind)) {
    writeIndex(view, at, columns, row)
    if (kind === Kind.indexFull) view.setUint32(at + 28, columns.exchangeTime[row] ?? 0)
    return
  }
  writeTrade(view, at, columns, row)
  if (kind === Kind.full) writeFull(view, at, columns, row)
}

/**
 * Builds frames in one buffer that grows and is reused. Appending more than `packetsMax` packets throws a RangeError: call `finish`
 * earlier.
 */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView<ArrayBuffer>
  #length = headerBytes
  #count = 0

  constructor(capacityBytes: number = 4096) {
    this.#bytes = new Uint8Array(Math.max(capacityBytes, headerBytes))
    this.#view = new DataView(this.#bytes.buffer)
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of the unfinished frame, header included. */
  get byteLength(): number {
    return this.#length
  }

  /** Appends a row in its own kind, or in a smaller kind (a full row sent in quote mode). */
  append(columns: Columns, row: number, kind: number = columns.kind[row] ?? 0): void {
    if (!isKind(kind)) throw new RangeError(`packet kind ${kind} of row ${row}: a kind is one of ${Object.values(Kind).join(", ")}`)
    // Reserve first: reserving may replace the view.
    const body = this.#reserve(kind)
    writePacket(this.#view, body, kind, columns, row)
  }

  /** Copies one packet body unchanged, whatever its length. */
  appendBytes(source: Uint8Array, offset: number, length: number): void {
    const to = this.#reserve(length)
    this.#bytes.set(source.subarray(offset, offset + length), to)
  }

  /** Returns a copy of the frame and empties the writer. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#view.setUint16(0, this.#count)
    const frame = this.#bytes.slice(0, this.#length)
    this.reset()
    return frame
  }

  reset(): void {
    this.#length = headerBytes
    this.#count = 0
  }

  #reserve(length: number): number {
    if (this.#count === packetsMax) throw new RangeError(`a frame holds at most ${packetsMax} packets`)
    const body = this.#length + headerBytes
    if (body + length > this.#bytes.length) this.#grow(body + length)
    this.#view.setUint16(this.#length, length)
    this.#length = body + length
    this.#count++
    return body
  }

  #grow(length: number): void {
    const next = new Uint8Array(Math.max(length, this.#bytes.length * 2))
    next.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = next
    this.#view = new DataView(next.buffer)
  }
}

export interface Level {
  readonly price: number
  readonly quantity: number
  readonly orders: number
}

export interface FullFields {
  readonly token: number
  readonly lastPrice: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly lastQuantity: number
  readonly averagePrice: number
  readonly volume: number
  readonly buyQuantity: number
  readonly sellQuantity: number
  readonly lastTradeTime: number
  readonly oi: number
  readonly oiDayHigh: number
  readonly oiDayLow: number
  readonly exchangeTime: number
  /** Best level first. */
  readonly bids: ReadonlyArray<Level>
  readonly asks: ReadonlyArray<Level>
}

const levelsOf = (price: Uint32Array, quantity: Uint32Array, orders: Uint32Array, row: number): ReadonlyArray<Level> =>
  Array.from({ length: depthLevels }, (_, level) => {
    const at = row * depthLevels + level
    return { price: price[at] ?? 0, quantity: quantity[at] ?? 0, orders: orders[at] ?? 0 }
  })

/** One row as an object, for the process's edges and for tests; too slow for the tick path. */
export const rowOf = (columns: Columns, row: number): FullFields & { readonly kind: number } => ({
  kind: columns.kind[row] ?? 0,
  token: columns.token[row] ?? 0,
  lastPrice: columns.lastPrice[row] ?? 0,
  lastQuantity: columns.lastQuantity[row] ?? 0,
  averagePrice: columns.averagePrice[row] ?? 0,
  volume: columns.volume[row] ?? 0,
  buyQuantity: columns.buyQuantity[row] ?? 0,
  sellQuantity: columns.sellQuantity[row] ?? 0,
  open: columns.open[row] ?? 0,
  high: columns.high[row] ?? 0,
  low: columns.low[row] ?? 0,
  close: columns.close[row] ?? 0,
  lastTradeTime: columns.lastTradeTime[row] ?? 0,
  oi: columns.oi[row] ?? 0,
  oiDayHigh: columns.oiDayHigh[row] ?? 0,
  oiDayLow: columns.oiDayLow[row] ?? 0,
  exchangeTime: columns.exchangeTime[row] ?? 0,
  bids: levelsOf(columns.bidPrice, columns.bidQuantity, columns.bidOrders, row),
  asks: levelsOf(columns.askPrice, columns.askQuantity, columns.askOrders, row)
})

/** A frame that contains the given packet bodies. */
export const frameOf = (bodies: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const writer = new Writer()
  for (const body of bodies) writer.appendBytes(body, 0, body.length)
  return writer.finish()
}
