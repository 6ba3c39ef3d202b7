/**
 * Makes one fault after another against the real platform, and measures when each is noticed, when it is healed, and how many ticks the
 * record lacks.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { NatsConnection } from "nats"
import WebSocket from "ws"
import * as Frame from "../../src/domain/market/Frame.ts"
import type { TickerStatus } from "../../src/domain/market/TickerStatus.ts"
import * as FrameHeader from "../../src/domain/record/FrameHeader.ts"
import * as Sessions from "../../src/simulator/Sessions.ts"
import type { Ground } from "../pipeline/Ground.ts"
import * as Stage from "../soak/Stage.ts"

export const accounts = ["rec1", "rec2", "rec3"] as const
const witnessAccount = "witness"
export const instruments = 500
export const reloaded = 100
/** Ticks of each instrument per second while the faults happen. */
export const rate = 2
/**
 * Ticks of each instrument per second during the reload, in order of preference: 30,000 a second of the earlier instruments, or less on a
 * busy machine.
 */
const reloadRates = [60, 20, 6] as const
const warmMs = 10_000
/** How long a fault is given to heal. A mute socket is found after one to one and a half minutes. */
const healMsMax = 180_000
const settleMs = 4_000
const lookEveryMs = 50
/** An instrument ticks each half second, and a busy machine may delay it. */
export const silentMsMin = 2_500

export interface Outcome {
  readonly name: string
  /** Seconds until an account's status or the health showed the fault; null if they never did. */
  readonly noticedSeconds: number | null
  /** Seconds until every instrument that was silent for longer than `silentMsMin` ticked again; 0 if none was, null if some never did. */
  readonly healedSeconds: number | null
  /** The longest time that an instrument was without a packet in the record, seconds, of those that ticked before and after. */
  readonly silenceSeconds: number
  /** Packets that the broker sent to the witness meanwhile, and how many of them the record lacks. */
  readonly sent: number
  readonly lost: number
}
export interface Reload {
  readonly seconds: number
  /** The longest time for which an earlier instrument had no packet in the record, seconds. */
  readonly pauseSeconds: number
  /** Ticks of the earlier instruments in the record, and how often ticks are missing between two of an instrument. */
  readonly ticks: number
  readonly holes: number
  /** Packets per second that the broker sent meanwhile. */
  readonly packetsPerSecond: number
}
export interface Result {
  readonly reload: Reload
  readonly outcomes: ReadonlyArray<Outcome>
}

const keyOf = (bytes: Uint8Array, offset: number, length: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString("latin1")

/** A client of the broker that gets the same packets as the platform. */
const openWitness = async ({ simulator }: Stage.Stage, tokens: ReadonlyArray<number>) => {
  const { apiKey, apiSecret } = Stage.simulatorAccount(witnessAccount)
  const page = await fetch(`${simulator.url}/connect/login?v=3&api_key=${apiKey}`, { redirect: "manual" })
  const requestToken = new URL(page.headers.get("location") ?? "").searchParams.get("request_token") ?? ""
  const checksum = Sessions.checksumOf(apiKey, requestToken, apiSecret)
  const session = await fetch(`${simulator.url}/session/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ api_key: apiKey, request_token: requestToken, checksum })
  })
  const { data } = (await session.json()) as { readonly data: { readonly access_token: string } }
  const socket = new WebSocket(`${simulator.wsUrl}?api_key=${apiKey}&access_token=${data.access_token}`)
  const frames: Array<{ readonly atMs: number; readonly bytes: Uint8Array }> = []
  socket.on("message", (bytes: Buffer, isBinary) => {
    if (isBinary && bytes.length > 1) frames.push({ atMs: Date.now(), bytes: new Uint8Array(bytes) })
  })
  await new Promise((resolve, reject) => {
    socket.once("open", resolve)
    socket.once("error", reject)
  })
  socket.send(JSON.stringify({ a: "subscribe", v: tokens }))
  socket.send(JSON.stringify({ a: "mode", v: ["full", tokens] }))
  return {
    close: () => socket.terminate(),
    /** The packets of a span, with their tokens. */
    between: (fromMs: number, untilMs: number): ReadonlyMap<string, number> => {
      const found = new Map<string, number>()
      for (const { atMs, bytes } of frames)
        if (atMs >= fromMs && atMs < untilMs)
          Frame.forEachPacket(bytes, (offset, length) => void found.set(keyOf(bytes, offset, length), Frame.tokenAt(bytes, offset)))
      return found
    }
  }
}
type Witness = Awaited<ReturnType<typeof openWitness>>

interface Recorded {
  readonly packets: ReadonlySet<string>
  /** By token, the receive times of its packets, ascending. */
  readonly times: ReadonlyMap<number, ReadonlyArray<number>>
}
const lastSeq = async (nc: NatsConnection): Promise<number> =>
  (await (await nc.jetstreamManager({ checkAPI: false })).streams.info("MD_FRAMES")).state.last_seq

/** The packets in the record after a sequence. */
const recordedSince = async (nc: NatsConnection, seq: number): Promise<Recorded> => {
  const consumer = await nc.jetstream().consumers.get("MD_FRAMES", { filterSubjects: ["md.frame.>"], opt_start_seq: seq + 1 })
  const packets = new Set<string>()
  const times = new Map<number, Array<number>>()
  for (let left = (await consumer.info()).num_pending; left > 0; )
    for await (const { data, headers } of await consumer.fetch({ max_messages: Math.min(left, 2_000), expires: 10_000 })) {
      left--
      const header = FrameHeader.parse(headers?.get(FrameHeader.name) ?? "")
      const bytes = new Uint8Array(data)
      let row = 0
      Frame.forEachPacket(bytes, (offset, length) => {
        packets.add(keyOf(bytes, offset, length))
        const token = Frame.tokenAt(bytes, offset)
        const of = times.get(token) ?? []
        times.set(token, of)
        of.push(header === undefined ? 0 : FrameHeader.receivedAtMs(header, row))
        row++
      })
    }
  for (const of of times.values()) of.sort((a, b) => a - b)
  return { packets, times }
}

const lostOf = (sent: ReadonlyMap<string, number>, { packets }: Recorded): number =>
  [...sent.keys()].filter((key) => !packets.has(key)).length
/** The longest time between two packets of one instrument that overlaps the span, seconds. */
const silenceOf = ({ times }: Recorded, tokens: ReadonlyArray<number>, fromMs: number): number => {
  let longest = 0
  for (const token of tokens) {
    const of = times.get(token) ?? []
    for (let at = 1; at < of.length; at++) if ((of[at] ?? 0) > fromMs) longest = Math.max(longest, (of[at] ?? 0) - (of[at - 1] ?? 0))
  }
  return longest / 1_000
}

/** True if an account reports a state other than streaming, or if the platform does not answer. */
const isTroubled = async ({ port }: Stage.Stage): Promise<boolean> => {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(1_000)
    })
    const { ticker, status } = (await response.json()) as {
      readonly status: string
      readonly ticker: { readonly accounts: Readonly<Record<string, TickerStatus>> }
    }
    return (
      status !== "ok" ||
      Object.values(ticker.accounts).some(
        ({ connections = [], login, state }) =>
          !["streaming", "idle"].includes(state) || login?.limited_for_ms !== undefined || connections.some((one) => one.state !== "open")
      )
    )
  } catch {
    return true
  }
}
const isWhole = async (stage: Stage.Stage): Promise<boolean> => !(await isTroubled(stage))

interface Fault {
  readonly name: string
  readonly begin: (stage: Stage.Stage) => Promise<void>
  readonly end?: (stage: Stage.Stage) => Promise<void>
  /** How long the fault lasts before `end`. */
  readonly lastsMs?: number
}
const target = accounts[0]
/** The place of a connection of the platform among those of the simulator. Only the witness has all instruments. */
const placeOfPlatform = (simulator: Stage.Stage["simulator"]): number =>
  simulator.stats().spread.findIndex((count) => count > 0 && count < instruments + reloaded)
const mute = "mute socket"
export const limited = "429 to requests and connections, and the socket is lost"
const faults: ReadonlyArray<Fault> = [
  { name: "dropped socket", begin: ({ admin }) => admin("POST", "/sockets/cut", { account_id: target }) },
  {
    name: "token loss (the broker ends the session and the socket)",
    begin: async ({ admin }) => {
      await admin("POST", "/sessions/expire", { account_id: target })
      await admin("POST", "/sockets/cut", { account_id: target })
    }
  },
  {
    name: limited,
    begin: async ({ admin }) => {
      await admin("PUT", "/limit", { account_id: target, retry_after_s: 5 })
      await admin("POST", "/sockets/cut", { account_id: target })
    },
    end: ({ admin }) => admin("PUT", "/limit", { account_id: target, retry_after_s: null }),
    lastsMs: 5_000
  },
  {
    name: "logins refused for 10 s after a token loss",
    begin: async ({ admin }) => {
      await admin("PUT", "/refusals", { logins: 1_000_000, upgrades: 0 })
      await admin("POST", "/sessions/expire", { account_id: target })
      await admin("POST", "/sockets/cut", { account_id: target })
    },
    end: ({ admin }) => admin("PUT", "/refusals", { logins: 0, upgrades: 0 }),
    lastsMs: 10_000
  },
  {
    name: "NATS frozen for 5 s",
    begin: async ({ natsPid }) => void process.kill(natsPid(), "SIGSTOP"),
    end: async ({ natsPid }) => void process.kill(natsPid(), "SIGCONT"),
    lastsMs: 5_000
  },
  { name: mute, begin: ({ admin, simulator }) => admin("POST", "/sockets/fail", { place: placeOfPlatform(simulator), kind: "mute" }) },
  {
    name: "killed process, the only one, started again at once",
    begin: async (stage) => {
      process.kill(stage.platform().pid ?? 0, "SIGKILL")
      await stage.restart()
    }
  }
]

const suffer = async (stage: Stage.Stage, witness: Witness, tokens: ReadonlyArray<number>, fault: Fault): Promise<Outcome> => {
  const seq = await lastSeq(stage.nc)
  await sleep(2_000)
  const fromMs = Date.now()
  let noticedMs: number | null = null
  let isOver = false
  const noticing = (async () => {
    while (!isOver && noticedMs === null) {
      if (await isTroubled(stage)) noticedMs = Date.now()
      else await sleep(lookEveryMs)
    }
  })()
  await fault.begin(stage)
  if (fault.lastsMs !== undefined) await sleep(fault.lastsMs)
  await fault.end?.(stage)
  let healedMs: number | null = null
  while (healedMs === null && Date.now() - fromMs < healMsMax) {
    await sleep(500)
    const isNoticed = noticedMs !== null || fault.name !== mute
    if (!isNoticed || !(await isWhole(stage))) continue
    const { times } = await recordedSince(stage.nc, seq)
    const firsts = tokens.map((token) =>
      times.get(token)?.find((atMs, at, all) => atMs > fromMs && atMs - (all[at - 1] ?? 0) > silentMsMin)
    )
    const isTicking = tokens.every((token) => (times.get(token)?.at(-1) ?? 0) > Date.now() - 5_000)
    if (isTicking) healedMs = Math.max(fromMs, ...firsts.map((atMs) => atMs ?? 0))
  }
  isOver = true
  await noticing
  await sleep(settleMs)
  const untilMs = Date.now() - settleMs / 2
  const recorded = await recordedSince(stage.nc, seq)
  const sent = witness.between(fromMs, untilMs)
  return {
    name: fault.name,
    noticedSeconds: noticedMs === null ? null : (noticedMs - fromMs) / 1_000,
    healedSeconds: healedMs === null ? null : (healedMs - fromMs) / 1_000,
    silenceSeconds: silenceOf(recorded, tokens, fromMs),
    sent: sent.size,
    lost: lostOf(sent, recorded)
  }
}

const subscribe = async (stage: Stage.Stage, tokens: ReadonlyArray<number>) => {
  const subscriptions = tokens.map((instrument_token) => ({ instrument_token, requested_mode: "FULL" }))
  const { body, status } = await stage.ask("POST", "/subscriptions/batch", { subscriptions })
  if (status !== 200) throw new Error(`subscriptions were answered with ${status}: ${JSON.stringify(body)}`)
}

interface Tick {
  readonly atMs: number
  readonly volume: number
  readonly quantity: number
}

/** For each instrument with a volume, its ticks in the record after a sequence, ascending by volume. */
const ticksSince = async (nc: NatsConnection, seq: number): Promise<ReadonlyMap<number, ReadonlyArray<Tick>>> => {
  const consumer = await nc.jetstream().consumers.get("MD_FRAMES", { filterSubjects: ["md.frame.>"], opt_start_seq: seq + 1 })
  const columns = Frame.makeColumns()
  const found = new Map<number, Map<number, Tick>>()
  for (let left = (await consumer.info()).num_pending; left > 0; )
    for await (const { data, headers } of await consumer.fetch({ max_messages: Math.min(left, 2_000), expires: 10_000 })) {
      left--
      const header = FrameHeader.parse(headers?.get(FrameHeader.name) ?? "")
      if (header === undefined) continue
      Frame.decode(data, columns)
      for (let row = 0; row < columns.count; row++) {
        const [token = 0, volume = 0, quantity = 0] = [columns.token[row], columns.volume[row], columns.lastQuantity[row]]
        if (columns.kind[row] !== Frame.Kind.full || volume === 0) continue
        const of = found.get(token) ?? new Map<number, Tick>()
        found.set(token, of)
        // After a change of the mode the broker repeats a tick.
        if (!of.has(volume)) of.set(volume, { atMs: FrameHeader.receivedAtMs(header, row), volume, quantity })
      }
    }
  return new Map([...found].map(([token, of]) => [token, [...of.values()].sort((a, b) => a.volume - b.volume)]))
}

/**
 * The number of holes. A tick's quantity shows a missing tick, because the simulator's volume of the day grows by the quantity of each
 * tick.
 */
const holesIn = (ticks: ReadonlyArray<Tick>): number =>
  ticks.filter(({ quantity, volume }, at) => at > 0 && volume - quantity !== ticks[at - 1]?.volume).length

/** Adds instruments while everything streams, and asks for a reload at once. Null if the machine was too busy to send every tick. */
const reload = async (stage: Stage.Stage, old: ReadonlyArray<number>, added: ReadonlyArray<number>): Promise<Reload | null> => {
  const seq = await lastSeq(stage.nc)
  await sleep(2_000)
  const before = stage.simulator.stats()
  const fromMs = Date.now()
  await subscribe(stage, added)
  const { status } = await stage.ask("POST", "/subscriptions/reload")
  if (status !== 200) throw new Error(`the reload was answered with ${status}`)
  const isDone = async () => stage.simulator.stats().subscriptions === before.subscriptions + added.length
  await stage.until("the added instruments are subscribed", isDone)
  const seconds = (Date.now() - fromMs) / 1_000
  await sleep(settleMs)
  const after = stage.simulator.stats()
  const packetsPerSecond = ((after.packets - before.packets) * 1_000) / (Date.now() - fromMs)
  await sleep(settleMs)
  if (after.conflated > before.conflated) return null
  const ticks = await ticksSince(stage.nc, seq)
  const measured = { seconds, pauseSeconds: 0, ticks: 0, holes: 0, packetsPerSecond }
  for (const token of old) {
    const of = ticks.get(token) ?? []
    measured.ticks += of.length
    measured.holes += holesIn(of)
    for (const [at, { atMs }] of of.entries())
      measured.pauseSeconds = Math.max(measured.pauseSeconds, at === 0 ? 0 : (atMs - (of[at - 1]?.atMs ?? atMs)) / 1_000)
  }
  return measured
}

const open = async (ground: Ground, name: string, perSecond: number, count: number) => {
  const stage = await Stage.open(ground, {
    name,
    accounts,
    spare: [witnessAccount],
    market: { mode: "synthetic", rate: perSecond, strikesEachSide: 12 },
    env: { MARKET_CLOCK: "real", KITE_CHECK_EVERY: "5 seconds" },
    program: "pipeline/Platform.js"
  })
  try {
    const tokens = stage.simulator.market.instruments.map(({ token }) => token).slice(0, instruments + reloaded)
    await subscribe(stage, tokens.slice(0, count))
    const isReady = async () => stage.simulator.stats().subscriptions === count && (await isWhole(stage))
    await stage.until("everything is subscribed", isReady)
    await sleep(warmMs)
    return { stage, tokens }
  } catch (error) {
    await stage.close()
    throw error
  }
}

const measureReload = async (ground: Ground, say: (text: string) => void): Promise<Reload> => {
  for (const perSecond of reloadRates) {
    const { stage, tokens } = await open(ground, `reload${perSecond}`, perSecond, instruments)
    try {
      say(`a reload of ${reloaded} into ${instruments} at ${perSecond * instruments} ticks/s ...`)
      const measured = await reload(stage, tokens.slice(0, instruments), tokens.slice(instruments))
      say(measured === null ? "the simulator could not send every tick" : JSON.stringify(measured))
      if (measured !== null) return measured
    } finally {
      await stage.close()
    }
  }
  throw new Error("the machine is too busy")
}

export const run = async (ground: Ground, say: (text: string) => void): Promise<Result> => {
  const measured = await measureReload(ground, say)
  const { stage, tokens } = await open(ground, "recovery", rate, instruments + reloaded)
  const witness = await openWitness(stage, tokens)
  try {
    await sleep(warmMs)
    const outcomes: Array<Outcome> = []
    for (const fault of faults) {
      say(`${fault.name} ...`)
      const outcome = await suffer(stage, witness, tokens, fault)
      say(JSON.stringify(outcome))
      outcomes.push(outcome)
      await stage.until("the platform is whole", () => isWhole(stage))
      await sleep(warmMs)
    }
    return { reload: measured, outcomes }
  } finally {
    witness.close()
    await stage.close()
  }
}
