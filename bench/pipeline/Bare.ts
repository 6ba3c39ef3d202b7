/**
 * The baseline: the platform's work without actors and without Effect. It writes the same packets into the same frames on the same streams,
 * runs the same deciders in the reader's callback, and sends the same texts to WebSocket clients. No recovery, no snapshots, no resending,
 * no metrics, no authentication.
 */
import { createHash } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { AckPolicy, connect, DeliverPolicy, type Msg, type MsgHdrs, type NatsConnection } from "nats"
import { WebSocket, WebSocketServer } from "ws"
import { contractOf } from "../../src/actors/director/Plan.ts"
import type { Decider } from "../../src/domain/Decider.ts"
import * as Money from "../../src/domain/Money.ts"
import * as BarDecider from "../../src/domain/market/BarDecider.ts"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as FrameGuard from "../../src/domain/market/FrameGuard.ts"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import type * as ChainMessage from "../../src/domain/options/ChainMessage.ts"
import * as ClockFrame from "../../src/domain/record/ClockFrame.ts"
import * as FrameHeader from "../../src/domain/record/FrameHeader.ts"
import * as RecordInput from "../../src/domain/record/RecordInput.ts"
import * as M2mDecider from "../../src/domain/strategy/M2mDecider.ts"
import * as Multiplier from "../../src/domain/strategy/Multiplier.ts"
import * as UnderlyingDecider from "../../src/domain/underlying/UnderlyingDecider.ts"
import { ChainView, type Row } from "../../src/gateway/views/ChainView.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import * as Child from "./Child.ts"
import * as Universe from "./Universe.ts"

export interface Spec extends Universe.Spec {
  readonly roles: ReadonlyArray<"actors" | "gateway">
  readonly nats: { readonly url: string; readonly password: string }
  /** http://host:port of the load. */
  readonly load: string
}

const spec = Child.specOf<Spec>()
const universe = Universe.make(spec)
const settings = { rate: 0.065, dividendYield: 0, staleAfterMs: 120_000 }
let nc: NatsConnection
let inboxes = 0
const newInbox = () => `_INBOX_engine.bare.${process.pid}.${++inboxes}`
const encoder = new TextEncoder()
const decoder = new TextDecoder()

// ---- reading a stream in order -------------------------------------------------------------------------------------

const fetchMax = 500
const nextRequest = encoder.encode(JSON.stringify({ batch: fetchMax, expires: 30e9, idle_heartbeat: 2e9 }))

/** Calls `take` for every message from now on, and `batchEnd` when the event loop has no more. */
const read = async (
  stream: string,
  filters: ReadonlyArray<string>,
  take: (msg: Msg, seq: number) => void,
  batchEnd: () => void = () => {}
) => {
  const jsm = await nc.jetstreamManager()
  const consumer = await jsm.consumers.add(stream, {
    filter_subjects: [...filters],
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    max_deliver: 1
  })
  const inbox = newInbox()
  let credit = 0
  let isEnding = false
  const fetchMore = () => {
    if (credit > fetchMax / 2) return
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer.name}`, nextRequest, { reply: inbox })
    credit += fetchMax
  }
  nc.subscribe(inbox, {
    callback: (error, msg) => {
      if (error !== null || (msg.headers?.code ?? 0) === 100) return
      if ((msg.headers?.code ?? 0) !== 0) {
        credit = 0
        return fetchMore()
      }
      credit--
      take(msg, Number(msg.reply?.split(".").at(-4)))
      fetchMore()
      if (isEnding) return
      isEnding = true
      setImmediate(() => {
        isEnding = false
        batchEnd()
      })
    }
  })
  fetchMore()
}

// ---- publishing frames ---------------------------------------------------------------------------------------------

const encoded = (name: string, value: string): MsgHdrs => {
  const bytes = Buffer.from(`NATS/1.0\r\n${name}: ${value}\r\n\r\n`, "latin1")
  return { encode: () => bytes } as unknown as MsgHdrs
}

interface Lane {
  readonly subject: string
  readonly writer: Frame.Writer
  runs: Array<number>
  baseMs: number
  number: number
}

/**
 * One account's frames, by FramePublisher's rules: 50 packets (at most 4,000), otherwise after a pause that depends on the last frame;
 * at most 1,000 open.
 */
const publisher = (account: string) => {
  const inbox = newInbox()
  const lanes = new Map<string, Lane>()
  let [sent, acked, clocks] = [0, 0, 0]
  let isArmed = false
  const hasRoom = () => sent - acked < 1_000
  const send = (subject: string, data: Uint8Array, header: Pick<FrameHeader.FrameHeader, "number" | "baseReceivedMs" | "runs">) => {
    const headers = encoded(FrameHeader.name, FrameHeader.format({ account, source: "simulator", epoch: 1, incarnation: 1, ...header }))
    nc.publish(subject, data, { reply: `${inbox}.${sent++}`, headers })
  }
  const flush = (lane: Lane) => {
    send(lane.subject, lane.writer.finish(), { number: lane.number++, baseReceivedMs: lane.baseMs, runs: lane.runs })
    lane.runs = []
  }
  const flushAll = () => {
    let frames = 0
    for (const lane of lanes.values()) {
      if (lane.writer.count === 0 || !hasRoom()) continue
      flush(lane)
      frames++
    }
    return frames
  }
  let pauseMs = 2
  const arm = () => {
    if (isArmed) return
    isArmed = true
    setTimeout(() => {
      isArmed = false
      pauseMs = Math.min(20, Math.max(2, flushAll() / 1.5))
      if ([...lanes.values()].some(({ writer }) => writer.count > 0)) arm()
    }, pauseMs)
  }
  nc.subscribe(`${inbox}.*`, {
    callback: (error, msg) => {
      if (error === null && (msg.headers?.code ?? 0) === 0 && msg.data[2] !== 0x65) acked++
    }
  })
  return {
    append: (subject: string, source: Uint8Array, offset: number, length: number, receivedMs: number) => {
      let lane = lanes.get(subject)
      if (lane === undefined) {
        lane = { subject, writer: new Frame.Writer(), runs: [], baseMs: 0, number: 0 }
        lanes.set(subject, lane)
      }
      if (lane.writer.count === 0) lane.baseMs = receivedMs
      lane.writer.appendBytes(source, offset, length)
      FrameHeader.addRun(lane.runs, lane.baseMs, receivedMs, 1)
      if ((lane.writer.count >= 50 && hasRoom()) || lane.writer.count >= 4_000) flush(lane)
      arm()
    },
    clock: (atMs: number) => {
      flushAll()
      send(Subjects.Clock.at({ account }), ClockFrame.encode(atMs), { number: clocks++, baseReceivedMs: atMs, runs: [0, 0] })
    },
    open: () => sent - acked
  }
}

// ---- broker ---------------------------------------------------------------------------------------------------------

const signIn = async ({ apiKey, apiSecret }: Universe.Account): Promise<string> => {
  const page = await fetch(`${spec.load}/connect/login?v=3&api_key=${apiKey}`, { redirect: "manual" })
  const requestToken = new URL(page.headers.get("location") ?? "").searchParams.get("request_token") ?? ""
  const checksum = createHash("sha256").update(`${apiKey}${requestToken}${apiSecret}`).digest("hex")
  const body = new URLSearchParams({ api_key: apiKey, request_token: requestToken, checksum })
  const answer = (await (await fetch(`${spec.load}/session/token`, { method: "POST", body })).json()) as {
    readonly data: { readonly access_token: string }
  }
  return answer.data.access_token
}

const subjectOf = (row: number): string => {
  const { exchange = "", name = "" } = universe.underlyings[universe.underlyingOf[row] ?? 0] ?? {}
  return Subjects.Frame.at({ exchange, underlying: name })
}

const ingest = async (account: Universe.Account, at: number) => {
  const rows = universe.instruments.map((_, row) => row).filter((row) => row % universe.accounts.length === at)
  const subjects = new Map(rows.map((row) => [universe.instruments[row]?.token ?? 0, subjectOf(row)]))
  const tokens = [...subjects.keys()]
  const frames = publisher(account.accountId)
  const token = await signIn(account)
  const socket = new WebSocket(`${spec.load.replace("http", "ws")}/?api_key=${account.apiKey}&access_token=${token}`, {
    perMessageDeflate: false
  })
  let receivedMs = 0
  let bytes: Uint8Array = new Uint8Array()
  const take = (offset: number, length: number) => {
    const subject = subjects.get(Frame.tokenAt(bytes, offset))
    if (subject !== undefined) frames.append(subject, bytes, offset, length, receivedMs)
  }
  socket.binaryType = "nodebuffer"
  socket.on("message", (data, isBinary) => {
    if (!isBinary || !Buffer.isBuffer(data) || data.length < 2) return
    receivedMs = Date.now()
    bytes = data
    Frame.forEachPacket(data, take)
  })
  socket.on("open", () => {
    socket.send(JSON.stringify({ a: "subscribe", v: tokens }))
    socket.send(JSON.stringify({ a: "mode", v: ["full", tokens] }))
  })
  setInterval(() => frames.clock(Math.floor(Date.now() / 100) * 100), 100)
  return frames
}

// ---- Greeks and marks -----------------------------------------------------------------------------------------------

let outputs = 0
let outputsAcked = 0
let foldedTicks = 0
let refused = 0

const publishOutputs = () => {
  const inbox = newInbox()
  nc.subscribe(inbox, { callback: (error) => void (error === null && outputsAcked++) })
  return (subject: string, message: unknown) => {
    outputs++
    nc.publish(subject, encoder.encode(JSON.stringify(message)), { reply: inbox })
  }
}

type Fold = (input: RecordInput.RecordInput) => void

/** Each decider with its state and its output subjects. */
const folds = (publish: (subject: string, message: unknown) => void): ReadonlyMap<string, ReadonlyArray<Fold>> => {
  const bySubject = new Map<string, Array<Fold>>()
  const keep = <S, O>(decider: Decider<S, RecordInput.RecordInput, O>, send: (output: O) => void): Fold => {
    let state = decider.initial
    return (input) => {
      const [next, out] = decider.decide(state, input)
      state = next
      for (const output of out) send(output)
    }
  }
  for (const [at, { exchange, name: underlying }] of universe.underlyings.entries()) {
    const holes = { exchange, underlying }
    const sendChain = (output: UnderlyingDecider.Output) => {
      if (output.kind === "delta") publish(Subjects.ChainDelta.at({ ...holes, expiry: output.expiry }), output.message)
      else if (output.kind === "chain")
        publish(Subjects.ChainKeyframe.at({ ...holes, expiry: output.expiry }), { ...output.message, delta_seq: 0 })
      else if (output.kind === "tick") publish(Subjects.Tick.at(holes), output.message)
      else if (output.kind === "state") publish(Subjects.UnderlyingState.at(holes), output.message)
    }
    const contracts = universe.instruments
      .filter((_, row) => universe.underlyingOf[row] === at)
      .map((one) => contractOf(one, Multiplier.single))
    const reference = RecordInput.reference(0, { v: 1, exchange, underlying, instruments: contracts })
    const greeks = keep(UnderlyingDecider.make({ ...holes, settings, isExact: false }), sendChain)
    greeks(reference)
    const bars = keep(BarDecider.make(holes), ({ message }) => {
      publish(Subjects.Bars.at({ ...holes, interval: message.interval, token: String(message.instrument_token) }), message)
    })
    bars(reference)
    const own = [greeks, bars]
    if (at < Universe.strategiesMax) {
      const id = at + 1
      const sendMark = (output: M2mDecider.Output) => {
        const names = { owner: Universe.owner, strategy: String(id) }
        publish(output.kind === "mark" ? Subjects.Mark.at(names) : Subjects.Candle.at(names), output.message)
      }
      const legs = universe.underlyings[at]?.strategyLegs ?? []
      const m2m = keep(M2mDecider.make({ settings, takes: ({ strategy_id }) => strategy_id === id }), sendMark)
      m2m(reference)
      m2m(
        RecordInput.definition(0, {
          v: 1,
          strategy_id: id,
          owner: Universe.owner,
          legs: legs.map(({ instrument, direction }, leg) => ({
            leg_id: leg + 1,
            exchange,
            underlying,
            contract: contractOf(instrument, Multiplier.single),
            direction,
            quantity: instrument.lotSize,
            entry_price: new Money.Decimal(100)
          }))
        })
      )
      own.push(m2m)
    }
    bySubject.set(Subjects.Frame.at(holes), own)
  }
  return bySubject
}

const price = async () => {
  const bySubject = folds(publishOutputs())
  const everyone = [...bySubject.values()].flat()
  const take = (msg: Msg, seq: number) => {
    const frame = Subjects.Frame.match(msg.subject)
    const clock = frame === undefined ? Subjects.Clock.match(msg.subject) : undefined
    const input =
      frame !== undefined
        ? RecordInput.frame(seq, frame.exchange, frame.underlying, msg.headers?.get(FrameHeader.name) ?? "", msg.data)
        : clock !== undefined
          ? RecordInput.clock(seq, clock.account, msg.headers?.get(FrameHeader.name) ?? "", msg.data)
          : "unknown"
    if (typeof input === "string") refused++
    else if (input._tag === "Frame") {
      foldedTicks += Frame.packetCount(msg.data)
      for (const fold of bySubject.get(msg.subject) ?? []) fold(input)
    } else for (const fold of everyone) fold(input)
  }
  await read("MD_FRAMES", [Subjects.Clock.filter(), Subjects.Frame.filter()], take)
}

// ---- gateway --------------------------------------------------------------------------------------------------------

interface Client {
  readonly socket: WebSocket
  readonly cork: () => void
  readonly uncork: () => void
  texts: Array<string>
}

/** Sends texts to the members of a topic; they are written together when the reader has no more, at the gateway's pace. */
const fanOut = () => {
  const topics = new Map<number | string, Set<Client>>()
  const waiting = new Set<Client>()
  let timer: NodeJS.Timeout | undefined
  let nextAtMs = 0
  const flushNow = () => {
    timer = undefined
    const startedMs = performance.now()
    for (const client of waiting) {
      client.cork()
      for (const text of client.texts) client.socket.send(text)
      client.uncork()
      client.texts = []
    }
    waiting.clear()
    const endedMs = performance.now()
    const pauseMs = (endedMs - startedMs) * 4
    nextAtMs = endedMs + (pauseMs < 1 ? 0 : Math.min(pauseMs, 50))
  }
  return {
    topics,
    send: (topic: number | string, text: string) => {
      for (const client of topics.get(topic) ?? []) {
        client.texts.push(text)
        waiting.add(client)
      }
    },
    flush: () => {
      if (timer !== undefined || waiting.size === 0) return
      const waitMs = nextAtMs - performance.now()
      if (waitMs <= 0) flushNow()
      else timer = setTimeout(flushNow, waitMs)
    }
  }
}

const symbolOf = (token: number) => universe.instruments[universe.rowOf.get(token) ?? -1]?.tradingsymbol ?? null
const modeOf = (kind: number) =>
  kind === Frame.Kind.ltp ? "ltp" : kind === Frame.Kind.quote || kind === Frame.Kind.indexQuote ? "quote" : "full"

const tickTexts = (chains: ChainView, out: ReturnType<typeof fanOut>) => {
  const columns = Frame.makeColumns()
  const guards = new Map<string, FrameGuard.State>()
  const textOf = (row: number, header: FrameHeader.FrameHeader, seq: number) => {
    const token = columns.token[row] ?? 0
    const kind = columns.kind[row] ?? 0
    const scale = Instrument.priceScale(token)
    const rupees = (int: number) => (int === 0 ? null : Money.toNumber(int, scale))
    const exchangeTime = columns.exchangeTime[row] ?? 0
    const instrument = universe.instruments[universe.rowOf.get(token) ?? -1]
    const greeks = instrument === undefined ? undefined : chains.row(instrument)
    const data = {
      instrument_token: token,
      tradingsymbol: symbolOf(token),
      last_price: Money.toNumber(columns.lastPrice[row] ?? 0, scale),
      volume: Frame.hasVolume(kind) ? (columns.volume[row] ?? 0) : null,
      oi: Frame.hasOpenInterest(kind) ? (columns.oi[row] ?? 0) : null,
      bid: rupees(Frame.bestBidPrice(columns, row)),
      ask: rupees(Frame.bestAskPrice(columns, row)),
      iv: greeks?.iv ?? null,
      delta: greeks?.delta ?? null,
      gamma: greeks?.gamma ?? null,
      theta: greeks?.theta ?? null,
      vega: greeks?.vega ?? null,
      timestamp: new Date(exchangeTime > 0 ? exchangeTime * 1_000 : FrameHeader.receivedAtMs(header, row)).toISOString(),
      mode: modeOf(kind),
      is_mock: header.source === "simulator"
    }
    return JSON.stringify({ type: "tick", data, epoch: 1, seq })
  }
  return (msg: Msg, seq: number) => {
    const header = FrameHeader.parse(msg.headers?.get(FrameHeader.name) ?? "")
    if (header === undefined) return
    const guard = guards.get(msg.subject) ?? FrameGuard.make()
    guards.set(msg.subject, guard)
    if (FrameGuard.accept(guard, header) === FrameGuard.dropped) return
    let wanted = false
    Frame.forEachPacket(msg.data, (offset) => {
      wanted ||= out.topics.has(Frame.tokenAt(msg.data, offset))
    })
    if (!wanted) return
    Frame.decode(msg.data, columns)
    for (let row = 0; row < columns.count; row++) {
      const token = columns.token[row] ?? 0
      if (out.topics.has(token)) out.send(token, textOf(row, header, seq))
    }
  }
}

const strikesOf = (rows: Iterable<Row>, only: ReadonlySet<number> | "all") => {
  const byStrike = new Map<number, { strike: number; call: object | null; put: object | null }>()
  for (const { strike, side, time, seq: _seq, ...rest } of rows) {
    if (only !== "all" && !only.has(strike)) continue
    const at = byStrike.get(strike) ?? { strike, call: null, put: null }
    at[side === "CE" ? "call" : "put"] = { ...rest, tradingsymbol: symbolOf(rest.instrument_token), as_of: time }
    byStrike.set(strike, at)
  }
  return [...byStrike.values()].sort((a, b) => a.strike - b.strike)
}

const listen = (out: ReturnType<typeof fanOut>, server: ReturnType<typeof createServer>) => {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  server.on("upgrade", (request, tcp, head) =>
    sockets.handleUpgrade(request, tcp, head, (socket) => {
      const client: Client = { socket, cork: () => tcp.cork(), uncork: () => tcp.uncork(), texts: [] }
      const join = (topic: number | string) => {
        const members = out.topics.get(topic) ?? new Set()
        members.add(client)
        out.topics.set(topic, members)
      }
      socket.on("message", (data) => {
        const wish = JSON.parse(data.toString()) as Record<string, unknown>
        for (const token of (wish["tokens"] ?? []) as ReadonlyArray<number>) join(token)
        for (const id of (wish["strategy_ids"] ?? []) as ReadonlyArray<number>) join(`m2m ${id}`)
        if (wish["expiry"] !== undefined) join(`fo ${wish["symbol"]} ${wish["expiry"]}`)
        socket.send(JSON.stringify({ type: "subscribed" }))
      })
      socket.on("close", () => {
        for (const members of out.topics.values()) members.delete(client)
      })
    })
  )
}

const serveClients = async () => {
  const out = fanOut()
  const chains = new ChainView()
  const server = createServer()
  listen(out, server)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const publishChange = (change: ReturnType<ChainView["applyDelta"]>) => {
    if (change === undefined) return
    const { chain, strikes } = change
    const topic = `fo ${chain.underlying} ${chain.expiry}`
    if (!out.topics.has(topic)) return
    const { call_oi, put_oi, pcr_oi, pcr_volume, ...head } = chain.head
    const totals = { call_oi, put_oi, pcr_volume }
    const rows = strikesOf(chain.rows.values(), strikes)
    out.send(
      topic,
      JSON.stringify({
        type: "update",
        symbol: chain.underlying,
        expiry: chain.expiry,
        kind: "delta",
        epoch: 1,
        ...head,
        pcr: pcr_oi,
        totals,
        strikes: rows
      })
    )
  }
  const takeDelta = (msg: Msg, seq: number) =>
    publishChange(chains.applyDelta(JSON.parse(decoder.decode(msg.data)) as ChainMessage.Chain, seq))
  const takeLast = (msg: Msg) => {
    if (Subjects.UnderlyingState.match(msg.subject) !== undefined)
      chains.applyState(JSON.parse(decoder.decode(msg.data)) as ChainMessage.UnderlyingState)
    else publishChange(chains.applyKeyframe(JSON.parse(decoder.decode(msg.data)) as ChainMessage.Chain))
  }
  const takeMark = (msg: Msg, seq: number) => {
    const { strategy } = Subjects.Mark.match(msg.subject) ?? { strategy: "" }
    const mark = JSON.parse(decoder.decode(msg.data)) as object
    if (out.topics.has(`m2m ${strategy}`)) out.send(`m2m ${strategy}`, JSON.stringify({ type: "m2m", ...mark, epoch: 1, seq }))
  }
  await read("MD_FRAMES", [Subjects.Frame.filter()], tickTexts(chains, out), out.flush)
  await read("OPT", [Subjects.ChainDelta.filter()], takeDelta, out.flush)
  await read("OPT_LAST", [Subjects.UnderlyingState.filter(), Subjects.ChainKeyframe.filter()], takeLast, out.flush)
  await read("STRAT", [Subjects.Mark.filter()], takeMark, out.flush)
  return (server.address() as AddressInfo).port
}

// ---- process --------------------------------------------------------------------------------------------------------

let port = 0
let feeds: ReadonlyArray<ReturnType<typeof publisher>> = []
export interface State {
  readonly port: number
  readonly foldedTicks: number
  readonly refused: number
  readonly outputs: number
  readonly waiting: number
}

Child.serve({
  ready: async () => {
    nc = await connect({ servers: spec.nats.url, user: "engine", pass: spec.nats.password, inboxPrefix: "_INBOX_engine" })
    if (spec.roles.includes("actors")) await price()
    if (spec.roles.includes("gateway")) port = await serveClients()
  },
  feed: async () => {
    feeds = await Promise.all(universe.accounts.map(ingest))
  },
  state: (): State => ({
    port,
    foldedTicks,
    refused,
    outputs,
    waiting: feeds.reduce((sum, { open }) => sum + open(), 0) + outputs - outputsAcked
  })
})
