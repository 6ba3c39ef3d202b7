/** The connections of one account. `domain/accounts/ConnectionPool.ts` decides; here are the sockets, the timers and the metrics. */
import { Data, Deferred, Effect, type Scope } from "effect"
import * as ConnectionPool from "../domain/accounts/ConnectionPool.ts"
import type { Wanted } from "../domain/accounts/Subscription.ts"
import * as SteadyTime from "../loop/SteadyTime.ts"
import * as KiteSocket from "./KiteSocket.ts"
import * as Metrics from "./Metrics.ts"
import type { KiteText } from "./SocketInbox.ts"

export type Carried = Pick<ReadonlyMap<number, unknown>, "keys">
const nothing: Carried = new Map()

/** Called synchronously, with the connection's number. A handler that throws ends `done` with a defect. */
export interface PoolEvents {
  /** `carried` has the tokens of the instruments that the connection carries. It changes later: copy what you keep. */
  readonly onFrame: (bytes: Uint8Array, connection: number, carried: Carried) => void
  readonly onText: (text: KiteText, connection: number) => void
  /** `tokens` are the instruments that the connection carries. Without any it stays closed. */
  readonly onState: (state: KiteSocket.State, detail: string | null, connection: number, tokens: ReadonlyArray<number>) => void
}

export interface Limits {
  /** Instruments of one connection, at most `ConnectionPool.brokerTokensMax`. */
  readonly tokensMax: number
  readonly connectionsMax: number
  readonly subscribeTimeoutMs: number
  readonly checkEveryMs: number
}
export const defaults: Limits = {
  tokensMax: ConnectionPool.defaultTokensMax,
  connectionsMax: ConnectionPool.connectionsMax,
  subscribeTimeoutMs: 10_000,
  checkEveryMs: 30_000
}

/**
 * `late`: the subscribe messages could not be sent in time, and these subscriptions were rolled back; a retry may help. `noRoom`: no
 * connection has room for them.
 */
export class SubscribeRefused extends Data.TaggedError("SubscribeRefused")<{
  readonly account: string
  readonly late: ReadonlyArray<number>
  readonly noRoom: ReadonlyArray<number>
}> {
  override get message() {
    const late = this.late.length === 0 ? [] : [`${this.late.length} could not be sent in time and were taken back`]
    const noRoom = this.noRoom.length === 0 ? [] : [`${this.noRoom.length} have no room: spread them over more accounts`]
    return `account ${this.account}, subscribing instruments: ${[...late, ...noRoom].join("; ")}`
  }
}

/** One connection that carries instruments. `subscribed` counts those whose messages were sent, on this or an earlier connection. */
export interface ConnectionStats extends KiteSocket.Stats {
  readonly connection: number
  readonly tokens: ReadonlyArray<number>
  readonly recorded: number
}

export interface KitePool {
  /** Ends when all messages were sent. Several changes may run at once. A subscription that already exists sends nothing. */
  readonly change: (change: ConnectionPool.Change) => Effect.Effect<void, SubscribeRefused>
  /** All subscriptions that are placed on connections, whether sent or not. */
  readonly wanted: () => Wanted
  /** The subscriptions among `wanted` whose messages were sent. */
  readonly sent: () => Wanted
  /** The connections that carry instruments, by number. */
  readonly connections: () => ReadonlyArray<ConnectionStats>
  /** Never ends by itself. Ends with a defect of a handler. */
  readonly done: Effect.Effect<never>
}

/** An underlying on a connection. Times are UNIX ms by the machine's clock. */
export interface Steady {
  readonly part: string
  readonly lastDataMs: number
  readonly dueSinceMs: number | undefined
}

export interface Options {
  readonly account: string
  readonly address: KiteSocket.Address
  readonly events: PoolEvents
  /** The time since which data of these instruments is due, UNIX ms; undefined while none of them trades. */
  readonly dueSinceMs: (tokens: ReadonlyArray<number>, nowMs: number) => number | undefined
  /**
   * The underlyings whose packets came steadily on a connection, with the time of the last packet and the `dueSinceMs` of their
   * instruments.
   */
  readonly steady: (connection: number, nowMs: number) => ReadonlyArray<Steady>
  readonly limits?: Partial<Limits>
  readonly settings?: Partial<KiteSocket.Settings>
}

/** The most log lines for one change. The last line counts the other tokens. */
const noticesMax = 10

type Answer = Deferred.Deferred<void, SubscribeRefused>

class Pool {
  readonly state: ConnectionPool.State
  readonly sockets: Array<KiteSocket.KiteSocket> = []
  readonly account: string
  readonly #decide: ReturnType<typeof ConnectionPool.make>["decide"]
  readonly #answers = new Map<number, Answer>()
  readonly #gauged = new Set<number>()
  readonly #reported = { subscribed: 0, unsubscribed: 0, late: 0 }
  #asked = 0

  constructor(account: string, { connectionsMax, tokensMax }: Limits) {
    const decider = ConnectionPool.make({ connectionsMax, tokensMax })
    this.account = account
    this.state = decider.initial
    this.#decide = decider.decide
  }

  ask(change: ConnectionPool.Change, answer: Answer): { readonly ask: number; readonly already: ReadonlyArray<number> } {
    const ask = ++this.#asked
    this.#answers.set(ask, answer)
    return { ask, already: this.step({ _tag: "Change", ask, ...change }) }
  }

  /** Decides and acts in one synchronous step, so no other fiber ever sees half of it. Answers the tokens that were already subscribed. */
  step(input: ConnectionPool.Input): ReadonlyArray<number> {
    const already: Array<number> = []
    for (const output of this.#decide(this.state, input)[1]) {
      if (output._tag === "Already") already.push(output.token)
      else if (output._tag === "Answered") this.#answer(output)
      else if (output._tag === "Want") this.sockets[output.connection - 1]?.set(output.wanted)
      else {
        Metrics.replaced(this.account)
        const of = output.part === undefined ? "" : ` of ${output.part}`
        this.sockets[output.connection - 1]?.replace(`mute: no market data${of} for ${Math.round(output.silentMs / 1_000)} s`)
      }
    }
    this.report()
    return already
  }

  report(): void {
    const { account, state } = this
    const counts = ConnectionPool.sentCounts(state)
    for (const connection of this.#gauged) if (!counts.has(connection)) Metrics.connectionSubscribed.forget(`${account}/${connection}`)
    this.#gauged.clear()
    let sum = 0
    for (const [connection, count] of counts) {
      this.#gauged.add(connection)
      Metrics.connectionSubscribed.set(`${account}/${connection}`, count)
      sum += count
    }
    Metrics.connections(account, counts.size)
    Metrics.subscribed(account, sum)
    Metrics.socketsOpen(account, this.sockets.filter((socket) => socket.stats().state === "open").length)
    Metrics.subscriptions(account, state.totals.subscribed - this.#reported.subscribed)
    Metrics.unsubscriptions(account, state.totals.unsubscribed - this.#reported.unsubscribed)
    Metrics.subscriptionErrors(account, state.totals.late - this.#reported.late)
    Object.assign(this.#reported, state.totals)
  }

  /** Clears the metrics after all connections were closed. */
  forget(): void {
    this.state.connections.clear()
    this.state.connectionOf.clear()
    this.sockets.length = 0
    this.report()
  }

  connections(): ReadonlyArray<ConnectionStats> {
    const counts = ConnectionPool.sentCounts(this.state)
    return Array.from(this.state.connections, ([connection, places]) => ({ connection, tokens: [...places.keys()] })).flatMap(
      ({ connection, tokens }) => {
        const socket = this.sockets[connection - 1]
        return socket === undefined ? [] : [{ ...socket.stats(), connection, tokens, recorded: counts.get(connection) ?? 0 }]
      }
    )
  }

  #answer({ ask, noRoom, late }: Extract<ConnectionPool.Output, { readonly _tag: "Answered" }>): void {
    const answer = this.#answers.get(ask)
    this.#answers.delete(ask)
    if (answer === undefined) return
    const isDone = noRoom.length + late.length === 0
    Deferred.unsafeDone(answer, isDone ? Effect.void : new SubscribeRefused({ account: this.account, noRoom, late }))
  }
}

const noteAlready = (already: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    for (const token of already.slice(0, noticesMax)) yield* Effect.logInfo(`Token ${token} already subscribed`)
    if (already.length > noticesMax) yield* Effect.logInfo(`${already.length - noticesMax} more tokens already subscribed`)
  })

/**
 * Replaces open connections that carried no data for too long while data was due: none at all, or none of an underlying that came steadily
 * before. A heartbeat does not count as data. Silence is measured in steady time: a machine's clock that is set back must not hide it.
 */
const keepChecking = (pool: Pool, { dueSinceMs, steady }: Options, { checkEveryMs }: Limits) =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const wallMs = clock.unsafeCurrentTimeMillis()
    const atMs = SteadyTime.unsafeNowMs(clock)
    const toSteady = (ms: number) => ms - wallMs + atMs
    const dueOf = (dueMs: number | undefined) => (dueMs === undefined ? undefined : toSteady(dueMs))
    const open = pool.connections().filter(({ state }) => state === "open")
    pool.step({
      _tag: "Check",
      atMs,
      hearings: open.flatMap(({ connection, openedMs, lastDataMs, tokens }) => [
        { connection, openedMs, lastDataMs, dueSinceMs: dueOf(dueSinceMs(tokens, wallMs)) },
        ...steady(connection, wallMs).map(({ part, lastDataMs, dueSinceMs }) => ({
          connection,
          openedMs,
          part,
          lastDataMs: toSteady(lastDataMs),
          dueSinceMs: dueOf(dueSinceMs)
        }))
      ])
    })
  }).pipe(Effect.delay(checkEveryMs), Effect.forever)

/**
 * The connections of one account to Kite's ticker that carry market data: at most `connectionsMax`, each with at most `tokensMax`
 * instruments. A connection without instruments is closed. Each connection restores its subscriptions after a reconnect.
 */
export const make = (options: Options): Effect.Effect<KitePool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { account, address, events } = options
    const limits: Limits = { ...defaults, ...options.limits }
    const pool = new Pool(account, limits)
    // Runs last, when the sockets are closed.
    yield* Effect.addFinalizer(() => Effect.sync(() => pool.forget()))
    for (let connection = 1; connection <= limits.connectionsMax; connection++) {
      const socket = yield* KiteSocket.make({
        account,
        address,
        settings: options.settings ?? {},
        events: {
          onFrame: (bytes) => events.onFrame(bytes, connection, pool.state.connections.get(connection) ?? nothing),
          onText: (text) => events.onText(text, connection),
          onState: (state, detail) => {
            pool.report()
            events.onState(state, detail ?? null, connection, [...(pool.state.connections.get(connection)?.keys() ?? [])])
          },
          onSent: (wanted) => void pool.step({ _tag: "Sent", connection, wanted })
        }
      })
      pool.sockets.push(socket)
    }
    yield* Effect.forkScoped(Effect.annotateLogs(keepChecking(pool, options, limits), { account }))

    const change = (wanted: ConnectionPool.Change) =>
      Effect.gen(function* () {
        const answer = yield* Deferred.make<void, SubscribeRefused>()
        const { ask, already } = pool.ask(wanted, answer)
        yield* noteAlready(already)
        const expire = Effect.sync(() => pool.step({ _tag: "Expired", ask }))
        const expireInTime = Effect.zipRight(Effect.delay(expire, limits.subscribeTimeoutMs), Deferred.await(answer))
        yield* Effect.raceFirst(Deferred.await(answer), expireInTime).pipe(Effect.onInterrupt(() => expire))
      }).pipe(Effect.annotateLogs({ account }))
    const wanted = (): Wanted =>
      new Map(
        Array.from(pool.state.connections.values(), (places) => Array.from(places, ([token, { mode }]) => [token, mode] as const)).flat()
      )
    // The first defect decides.
    const done = Effect.zipRight(
      Effect.all(
        pool.sockets.map((socket) => socket.done),
        { concurrency: "unbounded", discard: true }
      ),
      Effect.never
    )
    return { change, wanted, sent: () => ConnectionPool.sentModes(pool.state), connections: () => pool.connections(), done }
  })
