/** A separate process: Kite's REST and WebSocket with packets made beforehand, sent at an exact rate. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Either } from "effect"
import { type WebSocket, WebSocketServer } from "ws"
import * as IndiaTime from "../../src/domain/IndiaTime.ts"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import * as Black76 from "../../src/domain/options/Black76.ts"
import * as KiteRest from "../../src/simulator/KiteRest.ts"
import type { Market } from "../../src/simulator/Market.ts"
import * as Sessions from "../../src/simulator/Sessions.ts"
import { endsMs } from "../../test/Ends.ts"
import * as Child from "./Child.ts"
import * as Universe from "./Universe.ts"

const universe = Universe.make(Child.specOf<Universe.Spec>())
const rate = 0.065
/** States of the market through which the packets step, back and forth. */
const states = 16
const spotStep = 0.0004

// ---- packets ------------------------------------------------------------------------------------------------------

const nowSeconds = () => Math.floor(Date.now() / 1_000)

const spotIn = (state: number, underlying: number) => {
  const base = universe.underlyings[underlying]?.spot ?? 0
  return base * (1 + spotStep * (state - states / 2) + spotStep * Math.sin(state * 1.7 + underlying))
}

/** Price in paise, rounded to the tick size. An option is never below one tick. */
const priceIn = (state: number, row: number): number => {
  const instrument = universe.instruments[row]
  if (instrument === undefined) return 0
  const spot = spotIn(state, universe.underlyingOf[row] ?? 0)
  if (instrument.expiry === null) return 5 * Math.round(spot * 20)
  const t = IndiaTime.yearsTo(endsMs(instrument.expiry), universe.spec.nowMs)
  const forward = spot * Math.exp(rate * t)
  if (instrument.instrumentType === "FUT") return 5 * Math.round(forward * 20)
  const strike = instrument.strike / 100
  const away = Math.log(strike / forward) / Math.sqrt(t)
  const vol = Math.min(0.8, 0.14 + 0.15 * away * away - 0.04 * away)
  const price = Black76.priceOf(instrument.instrumentType === "CE" ? 1 : -1, forward, strike, t, rate, vol)
  return Math.max(5, 5 * Math.round(price * 20))
}

const packet = Frame.makeColumns(1)
const fillPacket = (state: number, row: number): void => {
  const instrument = universe.instruments[row]
  const price = priceIn(state, row)
  const open = priceIn(0, row)
  packet.count = 1
  packet.token[0] = instrument?.token ?? 0
  packet.kind[0] = Instrument.isIndex(instrument?.token ?? 0) ? Frame.Kind.indexFull : Frame.Kind.full
  packet.lastPrice[0] = price
  packet.lastQuantity[0] = instrument?.lotSize ?? 0
  packet.averagePrice[0] = open
  packet.buyQuantity[0] = 1_000 * (1 + (row % 90))
  packet.sellQuantity[0] = 1_000 * (1 + (row % 70))
  packet.open[0] = open
  packet.high[0] = Math.max(price, open)
  packet.low[0] = Math.min(price, open)
  packet.close[0] = open
  packet.oi[0] = 75 * (1_000 + (row % 5_000))
  packet.oiDayHigh[0] = packet.oi[0] ?? 0
  packet.oiDayLow[0] = packet.oi[0] ?? 0
  for (let level = 0; level < Frame.depthLevels; level++) {
    packet.bidPrice[level] = Math.max(5, price - 5 * (level + 1))
    packet.askPrice[level] = price + 5 * (level + 1)
    packet.bidQuantity[level] = 75 * (level + 1)
    packet.askQuantity[level] = 75 * (level + 2)
    packet.bidOrders[level] = level + 1
    packet.askOrders[level] = level + 2
  }
}

/** All data of one account: its packets in every state, in the order in which they are sent. */
interface Lane {
  readonly apiKey: string
  readonly rows: ReadonlyArray<number>
  readonly states: ReadonlyArray<Uint8Array>
  /** Offset of each packet with its length field, and the end. */
  readonly offsets: Uint32Array
  readonly isFull: Uint8Array
  readonly volumeBase: Uint32Array
  /** Ticks sent so far. The next packet is `ticks % rows.length`. */
  ticks: number
  socket: WebSocket | undefined
  readonly subscribed: Set<number>
}

const makeLane = (at: number): Lane => {
  const rows = universe.instruments.map((_, row) => row).filter((row) => row % universe.accounts.length === at)
  const writers = Array.from({ length: states }, (_, state) => {
    const writer = new Frame.Writer(rows.length * 186 + 2)
    for (const row of rows) {
      fillPacket(state, row)
      writer.append(packet, 0)
    }
    return writer.finish()
  })
  const offsets = new Uint32Array(rows.length + 1)
  const isFull = Uint8Array.from(rows, (row) => (Instrument.isIndex(universe.instruments[row]?.token ?? 0) ? 0 : 1))
  offsets[0] = Frame.headerBytes
  for (let i = 0; i < rows.length; i++) {
    offsets[i + 1] = (offsets[i] ?? 0) + Frame.headerBytes + (isFull[i] === 1 ? Frame.Kind.full : Frame.Kind.indexFull)
  }
  return {
    apiKey: universe.accounts[at]?.apiKey ?? "",
    rows,
    states: writers,
    offsets,
    isFull,
    volumeBase: Uint32Array.from(rows, (row) => universe.volumeBase[row] ?? 0),
    ticks: 0,
    socket: undefined,
    subscribed: new Set()
  }
}
const lanes = universe.accounts.map((_, at) => makeLane(at))

/** The next `count` packets as one message. */
const nextMessage = (lane: Lane, count: number): Buffer => {
  const { rows, offsets } = lane
  const pieces: Array<{ readonly from: number; readonly to: number; readonly round: number }> = []
  for (let left = count, tick = lane.ticks; left > 0; ) {
    const from = tick % rows.length
    const to = Math.min(rows.length, from + left)
    pieces.push({ from, to, round: Math.floor(tick / rows.length) })
    tick += to - from
    left -= to - from
  }
  const bytes = pieces.reduce((sum, { from, to }) => sum + (offsets[to] ?? 0) - (offsets[from] ?? 0), Frame.headerBytes)
  const message = Buffer.allocUnsafe(bytes)
  message.writeUInt16BE(count, 0)
  const seconds = nowSeconds()
  let at = Frame.headerBytes
  for (const { from, to, round } of pieces) {
    const place = round % (2 * states - 2)
    const source = lane.states[place < states ? place : 2 * states - 2 - place] ?? new Uint8Array()
    message.set(source.subarray(offsets[from], offsets[to]), at)
    for (let i = from; i < to; i++) {
      const body = at + Frame.headerBytes
      if (lane.isFull[i] === 1) {
        message.writeUInt32BE((lane.volumeBase[i] ?? 0) + round + 1, body + 16)
        message.writeUInt32BE(seconds, body + 44)
        message.writeUInt32BE(seconds, body + 60)
      } else message.writeUInt32BE(seconds, body + 28)
      at += (offsets[i + 1] ?? 0) - (offsets[i] ?? 0)
    }
  }
  lane.ticks += count
  return message
}

// ---- broker -------------------------------------------------------------------------------------------------------

const sessions = new Sessions.Sessions(universe.accounts, Date.now)
const market: Market = {
  mode: "synthetic",
  underlying: null,
  instruments: universe.instruments,
  columns: Frame.makeColumns(1),
  rowByToken: new Map(),
  status: () => ({ timeMs: Date.now(), speed: 1, state: "running", skipped: 0 }),
  minutes: () => [],
  run: () => {
    throw new Error("this market is not run, it is sent")
  }
}
const handle = KiteRest.make({ sessions, market, nowMs: Date.now, rateLimits: false })

const answer = async (request: IncomingMessage, response: ServerResponse) => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { status, headers, body } = handle({
    method: request.method ?? "GET",
    url: request.url ?? "/",
    authorization: request.headers.authorization,
    kiteVersion: undefined,
    gzip: (request.headers["accept-encoding"] ?? "").includes("gzip"),
    body: Buffer.concat(chunks).toString()
  })
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
  response.end(body)
}

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
const accept = (lane: Lane, socket: WebSocket) => {
  lane.socket = socket
  lane.subscribed.clear()
  socket.on("message", (data) => {
    const message = JSON.parse(data.toString()) as { readonly a: string; readonly v: unknown }
    if (message.a === "mode") for (const token of (message.v as [string, ReadonlyArray<number>])[1]) lane.subscribed.add(token)
  })
  socket.on("error", () => socket.terminate())
}

const server = createServer((request, response) => void answer(request, response))
server.on("upgrade", (request, socket, head) => {
  const query = new URL(request.url ?? "/", "ws://load").searchParams
  const lane = lanes.find(({ apiKey }) => apiKey === query.get("api_key"))
  const session = sessions.authenticate(query.get("api_key") ?? "", query.get("access_token") ?? "")
  if (lane === undefined || Either.isLeft(session)) return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n")
  sockets.handleUpgrade(request, socket, head, (accepted) => accept(lane, accepted))
})
setInterval(() => {
  for (const { socket } of lanes) if (!isRunning && socket?.readyState === 1) socket.send(new Uint8Array([0]))
}, 1_000)

// ---- sending ------------------------------------------------------------------------------------------------------

export interface Run {
  /** Ticks a second of all accounts together. */
  readonly rate: number
}
export interface Sent {
  readonly ticks: ReadonlyArray<number>
  /** By account and message: the first tick's number and when it was written, UNIX ms. */
  readonly messages: ReadonlyArray<{ readonly firstTick: Float64Array; readonly atMs: Float64Array }>
  readonly bufferedMax: number
  /** How far the sender itself fell behind its schedule, at most and at the end. */
  readonly lateMaxMs: number
  readonly lateEndMs: number
}

const log = lanes.map(() => ({ firstTick: [] as Array<number>, atMs: [] as Array<number> }))
let isRunning = false
let stopAsked = false
let bufferedMax = 0
let lateMaxMs = 0
let lateEndMs = 0

const packetsPerMessage = (rateOfAccount: number): number => Math.max(10, Math.min(100, Math.round(rateOfAccount / 200)))

const sendOne = (lane: Lane, place: number, count: number): void => {
  log[place]?.firstTick.push(lane.ticks)
  log[place]?.atMs.push(Date.now())
  lane.socket?.send(nextMessage(lane, count))
  bufferedMax = Math.max(bufferedMax, lane.socket?.bufferedAmount ?? 0)
}

/** The accounts send in turn, each at a different instant: message n is due at n / perSecond. */
const send = ({ rate: ticksPerSecond }: Run): Promise<void> => {
  const count = packetsPerMessage(ticksPerSecond / lanes.length)
  const perMs = ticksPerSecond / count / 1_000
  const startMs = performance.now()
  let messages = 0
  isRunning = true
  stopAsked = false
  return new Promise((resolve) => {
    const wake = () => {
      const elapsedMs = performance.now() - startMs
      const due = Math.floor(elapsedMs * perMs)
      lateEndMs = Math.max(0, elapsedMs - (messages + 1) / perMs)
      lateMaxMs = Math.max(lateMaxMs, lateEndMs)
      // A delayed sender does not send everything at once without a pause, because sockets need their turn.
      for (let burst = 0; messages < due && burst < 64; burst++, messages++) {
        const place = messages % lanes.length
        const lane = lanes[place]
        if (lane !== undefined) sendOne(lane, place, count)
      }
      if (!stopAsked) return void (messages < due ? setImmediate(wake) : setTimeout(wake, 1))
      isRunning = false
      resolve()
    }
    wake()
  })
}

let running: Promise<void> = Promise.resolve()
const listening = new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))

Child.serve({
  ready: () => listening,
  port: () => (server.address() as AddressInfo).port,
  /** Instruments whose mode was set on an open connection. */
  subscribed: () => lanes.reduce((sum, { subscribed, socket }) => sum + (socket?.readyState === 1 ? subscribed.size : 0), 0),
  start: (run: Run) => {
    lateMaxMs = 0
    bufferedMax = 0
    running = send(run)
  },
  /** Bytes that the platform has not read yet. */
  buffered: () => lanes.reduce((sum, { socket }) => sum + (socket?.bufferedAmount ?? 0), 0),
  ticks: () => lanes.reduce((sum, { ticks }) => sum + ticks, 0),
  stop: async (): Promise<Sent> => {
    stopAsked = true
    await running
    return {
      ticks: lanes.map(({ ticks }) => ticks),
      messages: log.map(({ firstTick, atMs }) => ({ firstTick: Float64Array.from(firstTick), atMs: Float64Array.from(atMs) })),
      bufferedMax,
      lateMaxMs,
      lateEndMs
    }
  }
})
