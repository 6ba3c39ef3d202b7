/** The state of one run of an account's ticker, and its callbacks. */

import { Effect, Schema } from "effect"
import type * as KitePool from "../../broker/KitePool.ts"
import type * as KiteSocket from "../../broker/KiteSocket.ts"
import * as ConnectionPool from "../../domain/accounts/ConnectionPool.ts"
import * as SteadyStream from "../../domain/accounts/SteadyStream.ts"
import type { Wanted } from "../../domain/accounts/Subscription.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Frame from "../../domain/market/Frame.ts"
import type { ConnectionStatus, SessionStatus, TickerStatus } from "../../domain/market/TickerStatus.ts"
import * as TradingHours from "../../domain/market/TradingHours.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import type * as FramePublisher from "../../streams/FramePublisher.ts"
import type { MarketClock } from "../../streams/MarketClock.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Lease } from "../runtime/Leases.ts"
import * as Metrics from "../runtime/Metrics.ts"

/** The KV bucket that says what each connection of each account should stream. */
export const bucket = "instruments"
/** The key of what one connection should stream. */
export const partKey = (account: string, connection: number | "*") =>
  connection === "*" ? `${Subject.kvKey(account)}.*` : Subject.kvKey(account, String(connection))

/** The tokens of one underlying that are streamed in one mode. */
const Group = Schema.Struct({
  exchange: Schema.String,
  underlying: Schema.String,
  mode: Schema.Literal("ltp", "quote", "full"),
  tokens: Schema.Array(Schema.Int)
})
/** What one connection should stream: the value of its key. With 3,000 instruments it has about 30 KB. */
export const Part = Schema.parseJson(Schema.Struct({ v: Schema.Literal(1), groups: Schema.Array(Group) }))
export type Part = typeof Part.Type

/** An instrument that should be streamed. */
export interface Desired {
  readonly instrument_token: number
  readonly mode: (typeof Group.Type)["mode"]
  readonly exchange: string
  readonly underlying: string
}

/** The value for these instruments; the same for any order of them. */
export const partOf = (instruments: ReadonlyArray<Desired>): Part => {
  const groups = new Map<string, { readonly of: Omit<Desired, "instrument_token">; readonly tokens: Array<number> }>()
  for (const { instrument_token, ...of } of instruments) {
    const id = `${of.exchange} ${of.mode} ${of.underlying}`
    const group = groups.get(id) ?? { of, tokens: [] }
    groups.set(id, group)
    group.tokens.push(instrument_token)
  }
  const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    v: 1,
    groups: sorted.map(([, { of, tokens }]) => ({
      exchange: of.exchange,
      underlying: of.underlying,
      mode: of.mode,
      tokens: tokens.sort((a, b) => a - b)
    }))
  }
}
export const instrumentsOf = ({ groups }: Part): ReadonlyArray<Desired> =>
  groups.flatMap(({ exchange, mode, tokens, underlying }) =>
    tokens.map((instrument_token) => ({ instrument_token, mode, exchange, underlying }))
  )

/** A new instrument without a packet counts as delivered after this time, because it may not be traded. */
export const heardWithinMs = 2_000

const clockEveryMs = 100

/** The newest exchange time in a frame, UNIX ms; 0 if no packet carries one. */
export const newestExchangeMs = (bytes: Uint8Array): number => {
  let newest = 0
  Frame.forEachPacket(bytes, (offset, length) => {
    const at = Frame.exchangeTimeAt(bytes, offset, length)
    if (at > newest) newest = at
  })
  return newest * 1_000
}

/** A connection that carries instruments. `lastTickMs` is market time. */
export interface Connection {
  /** True if a packet with an exchange time has come since it opened. Only used for a recording. */
  isDated: boolean
  readonly state: "connecting" | "open" | "failed"
  readonly detail: string | null
  lastTickMs: number | null
}

/** A packet that could not be read: its token, or null if the message ended before it, and the length that its header states. */
export interface Unreadable {
  readonly token: number | null
  readonly bytes: number
}
/** Lines of the log between two reports. Packets beyond the limit are only counted. */
const unreadableMax = 10

export interface TickerSession {
  readonly account: string
  readonly source: TickerStatus["source"]
  readonly incarnation: number
  /** The epoch that this run's frames carry. */
  readonly epoch: number
  readonly lease: Lease
  /** The subject of each instrument's packets, by token. */
  readonly lanes: Map<number, string>
  /** What each connection should stream, and the revision of that value. */
  readonly parts: Map<number, { readonly revision: number; readonly instruments: ReadonlyArray<Desired> }>
  /** What the account should stream, by token. */
  readonly desired: Map<number, Desired & { readonly connection: number }>
  /** New instruments without a packet yet: when they were subscribed, by the machine's clock; null before that. */
  readonly unheard: Map<number, number | null>
  /** The connections that carry instruments. */
  readonly connections: Map<number, Connection>
  /** For each connection and subject, how steadily its packets came, by market time. */
  readonly heard: Map<number, Map<string, SteadyStream.Heard>>
  /** The subjects with an open interruption: its start, and the lost connections. */
  readonly broken: Map<string, { readonly fromMs: number; readonly connections: Set<number> }>
  /** Packets that could not be read and are not logged yet, at most `unreadableMax`. */
  readonly unreadable: Array<Unreadable>
  state: TickerStatus["state"]
  detail: string | null
  ticks: number
  lastTickMs: number | null
  /** Why the newest attempt to connect failed; null once a connection is open or nothing is wanted. */
  failure: string | null
}

/**
 * The epoch for a run's frames. If the bucket that counts epochs was deleted and made again, the lease's epoch may be smaller than the
 * record's. Readers would then refuse the frames of the process that holds the lease. In that case the run uses the record's newest epoch
 * plus one.
 */
export const epochAfter = (lease: Lease, recordedEpoch: number): number =>
  recordedEpoch > lease.epoch && lease.isHeld() ? recordedEpoch + 1 : lease.epoch

/** `failure` is the reason why the previous run could not connect. The ticker stays failed until a connection is open. */
export const make = (
  identity: Pick<TickerSession, "account" | "source" | "incarnation" | "epoch" | "lease" | "failure">
): TickerSession => ({
  ...identity,
  lanes: new Map(),
  parts: new Map(),
  desired: new Map(),
  unheard: new Map(),
  connections: new Map(),
  heard: new Map(),
  broken: new Map(),
  unreadable: [],
  state: identity.failure === null ? "idle" : "failed",
  detail: identity.failure,
  ticks: 0,
  lastTickMs: null
})

/** After a failed attempt a connection stays failed, with the reason, until it is open, however often it tries in between. */
const follow = (before: Connection | undefined, next: KiteSocket.State, why: string | null): Connection => {
  const lastTickMs = before?.lastTickMs ?? null
  const isDated = false
  if (next === "open") return { state: "open", detail: null, lastTickMs, isDated }
  if (next === "closed" && before?.state !== "open") return { state: "failed", detail: why, lastTickMs, isDated }
  return before?.state === "failed" ? before : { state: "connecting", detail: why, lastTickMs, isDated }
}

/**
 * Follows one connection's state. The ticker streams while any connection is open. Before the first one it is failed or connecting.
 */
export const onConnection = (
  session: TickerSession,
  connection: number,
  next: KiteSocket.State,
  why: string | null,
  isWanted: boolean
): void => {
  if (isWanted) session.connections.set(connection, follow(session.connections.get(connection), next, why))
  else session.connections.delete(connection)
  const all = [...session.connections]
  const down = all.find(([, { state }]) => state !== "open")
  if (all.length === 0) {
    session.failure = null
    session.state = "idle"
    session.detail = why
  } else if (all.some(([, { state }]) => state === "open")) {
    session.failure = null
    session.state = "streaming"
    session.detail =
      down === undefined ? null : `connection ${down[0]} of ${all.length} is ${down[1].state}: ${down[1].detail ?? "not open yet"}`
  } else {
    session.failure = all.find(([, { state }]) => state === "failed")?.[1].detail ?? session.failure
    session.state = session.failure === null ? "connecting" : "failed"
    session.detail = session.failure ?? down?.[1].detail ?? null
  }
}

const cause = "connection"
type Interrupts = Pick<FramePublisher.FramePublisher, "interrupt">

/**
 * The time since which packets of a subject are missing on a lost connection. If the subject had stopped before the loss, it is the time of
 * its own last packet.
 */
const missingSinceMs = ({ connections, heard }: TickerSession, connection: number, subject: string, nowMs: number): number => {
  const of = heard.get(connection)?.get(subject)
  return of !== undefined && SteadyStream.hasStopped(of, nowMs) ? of.lastMs : (connections.get(connection)?.lastTickMs ?? nowMs)
}

/** Notes that packets of a connection are missing from now on. The record says so before the next clock closes a bar. */
export const interrupt = (
  session: TickerSession,
  publisher: Interrupts,
  connection: number,
  tokens: Iterable<number>,
  nowMs: number
): void => {
  const fresh = new Map<number, Set<string>>()
  for (const token of tokens) {
    const subject = session.lanes.get(token)
    if (subject === undefined) continue
    const known = session.broken.get(subject)
    known?.connections.add(connection)
    if (known !== undefined) continue
    const fromMs = missingSinceMs(session, connection, subject, nowMs)
    session.broken.set(subject, { fromMs, connections: new Set([connection]) })
    fresh.set(fromMs, (fresh.get(fromMs) ?? new Set()).add(subject))
  }
  for (const [fromMs, subjects] of fresh) publisher.interrupt({ cause, fromMs, toMs: null, packets: null }, subjects)
}

/**
 * Notes that packets of a connection come again, or that none is wanted from it. A subject's interruption ends when none of its connections
 * is lost.
 */
export const resume = (session: TickerSession, publisher: Interrupts, connection: number, nowMs: number): void => {
  const over = new Map<number, Set<string>>()
  for (const [subject, { fromMs, connections }] of session.broken) {
    if (!connections.delete(connection) || connections.size > 0) continue
    session.broken.delete(subject)
    over.set(fromMs, (over.get(fromMs) ?? new Set()).add(subject))
  }
  for (const [fromMs, subjects] of over) publisher.interrupt({ cause, fromMs, toMs: nowMs, packets: null }, subjects)
}

/** The receiver's state for the message that it handles. Each receiver reuses one object. */
interface Message {
  bytes: Uint8Array
  receivedMs: number
  /** True if a packet has an exchange time, or if none is needed. */
  isDated: boolean
  /** True if packets are left out until the connection has brought an exchange time. */
  isEarly: boolean
  /** For each subject, how steadily the packets of its connection came. */
  heard: Map<string, SteadyStream.Heard>
  unknown: number
  undated: number
}

/**
 * Only packets tell a recording's time. After a subscription the broker sends the newest prices without a time, until it knows the mode. If
 * no connection was open before, these prices are newer than the clock. Packets with a time follow at once, so the early packets are left
 * out: those of instruments whose packets have a time, and all others until their connection has brought a time.
 */
const isEarly = ({ desired }: TickerSession, carrier: Connection | undefined, carried: KitePool.Carried): boolean =>
  carrier?.isDated === false && Array.from(carried.keys()).some((token) => desired.get(token)?.mode === "full")

/** For each subject, how steadily the packets of a connection came. */
const heardOn = ({ heard }: TickerSession, connection: number): Map<string, SteadyStream.Heard> => {
  const known = heard.get(connection)
  if (known !== undefined) return known
  const added = new Map<string, SteadyStream.Heard>()
  heard.set(connection, added)
  return added
}

const noteUnreadable = ({ unreadable }: TickerSession, message: Uint8Array, offset: number, bytes: number): void => {
  if (unreadable.length === unreadableMax) return
  const hasToken = Math.min(bytes, message.length - offset) >= Frame.tokenBytes
  unreadable.push({ token: hasToken ? Frame.tokenAt(message, offset) : null, bytes })
}

/**
 * Handles the connections' binary messages, without an effect or a fiber per message. A message that cannot be read to its end may have
 * contained a packet of any instrument of its connection, so all of them are interrupted until the next message.
 */
export const receiver = (
  session: TickerSession,
  clock: Pick<MarketClock, "mode" | "observe" | "unsafeNow">,
  publisher: FramePublisher.FramePublisher
) => {
  const { account, desired, lanes, lease, unheard } = session
  const message: Message = {
    bytes: new Uint8Array(),
    receivedMs: 0,
    isDated: true,
    isEarly: false,
    heard: new Map(),
    unknown: 0,
    undated: 0
  }
  const hear = (subject: string): void => {
    const known = message.heard.get(subject)
    if (known === undefined) message.heard.set(subject, SteadyStream.begin(message.receivedMs))
    else SteadyStream.hear(known, message.receivedMs)
  }
  const appendPacket = (offset: number, length: number) => {
    const token = Frame.tokenAt(message.bytes, offset)
    const subject = lanes.get(token)
    if (subject === undefined) message.unknown++
    else if (!message.isDated && (message.isEarly || desired.get(token)?.mode === "full")) message.undated++
    else {
      if (unheard.size > 0) unheard.delete(token)
      session.ticks++
      hear(subject)
      publisher.append(subject, message.bytes, offset, length, message.receivedMs)
    }
  }
  const refusePacket = (offset: number, length: number) => noteUnreadable(session, message.bytes, offset, length)
  const loseAll = (bytes: Uint8Array): void => {
    const atMs = clock.unsafeNow()
    let lost = 0
    Frame.forEachPacket(bytes, (offset) => {
      const subject = lanes.get(Frame.tokenAt(bytes, offset))
      if (subject === undefined) return
      publisher.lost(subject, "lease", atMs)
      lost++
    })
    Metrics.packetsUnowned(account, lost)
  }
  /** False if no packet of the message may enter the record. */
  const begin = (bytes: Uint8Array, connection: number, carried: KitePool.Carried): boolean => {
    const carrier = session.connections.get(connection)
    const newestMs = clock.mode === "feed" ? newestExchangeMs(bytes) : null
    // Market time advances even if the account may not publish, so that its later packets do not get the time at which it stopped.
    if (newestMs !== null) clock.observe(newestMs)
    // Without the lease another process may already stream this account, and only it may publish packets.
    if (!lease.isHeld()) {
      loseAll(bytes)
      return false
    }
    message.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) // Views of a Uint8Array cost less than views of a Buffer.
    message.receivedMs = clock.unsafeNow()
    message.isDated = newestMs !== 0
    message.isEarly = !message.isDated && isEarly(session, carrier, carried)
    message.heard = heardOn(session, connection)
    message.unknown = 0
    message.undated = 0
    if (carrier !== undefined && message.isDated) carrier.isDated = true
    return true
  }
  const count = (packets: number, bad: number): void => {
    Metrics.ticks(account, packets)
    if (bad > 0) Metrics.badPackets(account, bad)
    if (message.unknown > 0) Metrics.unknownTicks(account, message.unknown)
    if (message.undated > 0) Metrics.undatedPackets(account, message.undated)
  }
  return (bytes: Uint8Array, connection: number, carried: KitePool.Carried): void => {
    const carrier = session.connections.get(connection)
    if (!begin(bytes, connection, carried)) return
    const { receivedMs } = message
    const before = session.ticks
    const bad = Frame.forEachPacket(message.bytes, appendPacket, refusePacket)
    const packets = session.ticks - before
    count(packets, bad)
    const isOfKnownTime = packets > 0 || message.undated === 0
    if (isOfKnownTime) {
      session.lastTickMs = receivedMs
      if (carrier !== undefined) carrier.lastTickMs = receivedMs
    }
    if (bad > 0) interrupt(session, publisher, connection, carried.keys(), receivedMs)
    else if (isOfKnownTime && session.broken.size > 0) resume(session, publisher, connection, receivedMs)
  }
}

/** Logs the packets that could not be read since the last report. */
export const reportUnreadable = ({ unreadable }: TickerSession): Effect.Effect<void> =>
  Effect.suspend(() =>
    Effect.forEach(
      unreadable.splice(0),
      (packet) => Effect.logWarning("a packet of the broker cannot be read").pipe(Effect.annotateLogs({ ...packet })),
      { discard: true }
    )
  )

/** Publishes clock frames for as long as the scope lives: every 100 ms, or whenever a recording's time advances. */
export const keepTime = (
  { lease }: TickerSession,
  clock: Pick<MarketClock, "mode" | "unsafeNow" | "onAdvance">,
  publisher: FramePublisher.FramePublisher
) => {
  const publishClock = (atMs: number) => {
    if (lease.isHeld()) publisher.clock(atMs)
  }
  // One account's clock closes the bars of all accounts, so all their frames must be in the record before it.
  if (clock.mode === "feed") return clock.onAdvance({ before: publisher.flush, after: publishClock })
  return Effect.acquireRelease(
    Effect.sync(() => setInterval(() => publishClock(Math.floor(clock.unsafeNow() / clockEveryMs) * clockEveryMs), clockEveryMs)),
    (timer) =>
      Effect.sync(() => {
        clearInterval(timer)
        publishClock(clock.unsafeNow())
      })
  )
}

/**
 * The time since which data of these instruments is due, UNIX ms by the machine's clock; undefined while none is due. A recording may pause
 * between its instants and after its end. A simulated market never closes.
 */
export const dueSinceMs = (
  { source, desired }: Pick<TickerSession, "source" | "desired">,
  rules: Hours.Rules,
  mode: MarketClock["mode"],
  tokens: ReadonlyArray<number>,
  clockMs: number
): number | undefined => {
  if (mode === "feed") return undefined
  if (source === "simulator") return 0
  const instruments = tokens.flatMap((token) => desired.get(token) ?? [])
  return TradingHours.tradingSinceMs(rules, TradingHours.placesOf(rules, instruments), clockMs)
}

/** The underlyings whose packets came steadily on a connection. `clockMs` is the machine's time, as are the times of the answer. */
export const steady = (
  session: TickerSession,
  rules: Hours.Rules,
  clock: Pick<MarketClock, "mode" | "unsafeNow">,
  connection: number,
  clockMs: number
): ReadonlyArray<KitePool.Steady> => {
  const aheadMs = clockMs - clock.unsafeNow()
  const parts = new Map<string, { readonly part: string; readonly tokens: Array<number> }>()
  for (const { exchange, instrument_token: token, underlying } of session.parts.get(connection)?.instruments ?? []) {
    const subject = session.lanes.get(token)
    if (subject === undefined) continue
    const known = parts.get(subject) ?? { part: `${exchange}.${underlying}`, tokens: [] }
    parts.set(subject, known)
    known.tokens.push(token)
  }
  return [...parts].flatMap(([subject, { part, tokens }]) => {
    const heard = session.heard.get(connection)?.get(subject)
    if (heard === undefined || !SteadyStream.isSteady(heard)) return []
    return [{ part, lastDataMs: heard.lastMs + aheadMs, dueSinceMs: dueSinceMs(session, rules, clock.mode, tokens, clockMs) }]
  })
}

/** A connection's state. A connection that is not open shows that it waits for a login while one is required. */
const connectionState = (state: Connection["state"], isMute: boolean, broker: SessionStatus): ConnectionStatus["state"] => {
  if (isMute) return "mute"
  return state !== "open" && broker.state === "login_required" ? "login_required" : state
}

const tickerState = (state: TickerStatus["state"], connections: ReadonlyArray<ConnectionStatus>): TickerStatus["state"] => {
  const open = connections.filter((one) => one.state === "open" || one.state === "mute")
  if (state === "streaming" && open.length > 0 && open.every((one) => one.state === "mute")) return "mute"
  const isWaiting = connections.some((one) => one.state === "login_required")
  return isWaiting && open.length === 0 && state !== "stopped" ? "login_required" : state
}

/** The machine's time, the time that never steps, which is the connections', and the market's. */
export interface Times {
  readonly clockMs: number
  readonly steadyMs: number
  readonly nowMs: number
}

/** `broker` is the session with the broker. */
export const statusOf = (
  session: TickerSession,
  broker: SessionStatus,
  carriers: ReadonlyArray<KitePool.ConnectionStats>,
  rules: Hours.Rules,
  mode: MarketClock["mode"],
  { clockMs, steadyMs, nowMs }: Times
): TickerStatus => {
  const { account, source, incarnation, state, detail, ticks, lastTickMs } = session
  const connections = carriers.map((carrier): ConnectionStatus => {
    const { connection, openedMs, lastDataMs, tokens, subscribed } = carrier
    const known = session.connections.get(connection)
    const dueMs = dueSinceMs(session, rules, mode, tokens, clockMs)
    const hearing = { openedMs, lastDataMs, dueSinceMs: dueMs === undefined ? undefined : dueMs - clockMs + steadyMs }
    const isMute = known?.state === "open" && ConnectionPool.silentMs(steadyMs, hearing) > ConnectionPool.muteAfterMs
    const shown = connectionState(known?.state ?? "connecting", isMute, broker)
    return {
      connection,
      state: shown,
      detail: shown === "login_required" ? broker.detail : (known?.detail ?? null),
      subscribed,
      last_data_at: IndiaTime.isoTimeOrNull(known?.lastTickMs ?? null)
    }
  })
  const shown = tickerState(state, connections)
  return {
    v: 1,
    as_of: IndiaTime.isoTime(nowMs),
    account_id: account,
    state: shown,
    detail: shown === "login_required" ? broker.detail : detail,
    source,
    incarnation,
    subscribed: connections.reduce((sum, { subscribed }) => sum + subscribed, 0),
    ticks,
    last_tick_at: IndiaTime.isoTimeOrNull(lastTickMs),
    connections,
    login: broker
  }
}

/**
 * Sets what one connection should stream; undefined means nothing. This runs before the first packet, so that each instrument's subject is
 * known then.
 */
export const desire = (
  session: TickerSession,
  publisher: Pick<FramePublisher.FramePublisher, "forget">,
  connection: number,
  part: { readonly revision: number; readonly instruments: ReadonlyArray<Desired> } | undefined
): void => {
  const { desired, lanes, parts, unheard } = session
  if (part === undefined) parts.delete(connection)
  else parts.set(connection, part)
  desired.clear()
  for (const [at, { instruments }] of parts)
    for (const instrument of instruments) {
      const token = instrument.instrument_token
      desired.set(token, { ...instrument, connection: at })
      if (!lanes.has(token)) unheard.set(token, null)
      lanes.set(token, Subjects.Frame.at(instrument))
    }
  for (const [token, subject] of lanes) {
    if (desired.has(token)) continue
    publisher.forget(subject, token)
    lanes.delete(token)
    unheard.delete(token)
  }
  // An underlying that is no longer wanted is forgotten, because its silence means nothing.
  const carried = new Set(part?.instruments.map(({ instrument_token: token }) => lanes.get(token)))
  const heard = session.heard.get(connection)
  for (const subject of [...(heard?.keys() ?? [])]) if (!carried.has(subject)) heard?.delete(subject)
  if (desired.size === 0) {
    session.failure = null
    session.state = "idle"
  }
}

/** The change from the connections' present subscriptions to the desired ones. */
export const changeOf = ({ desired }: Pick<TickerSession, "desired">, wanted: Wanted): ConnectionPool.Change => {
  const missing = [...desired.values()].filter((one) => wanted.get(one.instrument_token) !== one.mode)
  return {
    subscribe: new Map(missing.map((one) => [one.instrument_token, one.mode])),
    on: new Map(missing.map((one) => [one.instrument_token, one.connection])),
    unsubscribe: [...wanted.keys()].filter((token) => !desired.has(token))
  }
}

/**
 * For each connection, the revision whose instruments are all subscribed and deliver packets. `sent` are the subscriptions that were sent
 * to the broker, `steadyMs` is a time that never steps.
 */
export const settledParts = (
  { parts, unheard }: Pick<TickerSession, "parts" | "unheard">,
  sent: Wanted,
  steadyMs: number
): Readonly<Record<string, number>> => {
  const delivers = ({ instrument_token: token, mode }: Desired): boolean => {
    if (sent.get(token) !== mode) return false
    const sinceMs = unheard.get(token)
    if (sinceMs === undefined) return true
    if (sinceMs === null) unheard.set(token, steadyMs)
    else if (steadyMs - sinceMs >= heardWithinMs) return unheard.delete(token)
    return false
  }
  const settled: Record<string, number> = {}
  // Every instrument is checked, without stopping at the first, so that the waiting time of all of them begins.
  for (const [connection, { instruments, revision }] of parts)
    if (instruments.filter((one) => !delivers(one)).length === 0) settled[connection] = revision
  return settled
}
