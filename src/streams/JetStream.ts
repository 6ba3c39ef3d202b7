import { Config, Data, Duration, Effect, Layer, Option, Redacted, Schedule, type Scope } from "effect"
import {
  type ApiError,
  type ConnectionOptions,
  connect,
  createInbox,
  ErrorCode,
  Events,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
  type StoredMsg
} from "nats"
import * as UnknownHost from "../domain/UnknownHost.ts"
import { Unstored } from "./keep/Unstored.ts"
import * as Metrics from "./Metrics.ts"
import * as ServerErrors from "./ServerErrors.ts"
import * as Acks from "./sending/Acks.ts"

/** `op` names what was tried; `cause` is the client's own error. */
export class NatsError extends Data.TaggedError("NatsError")<{ readonly op: string; readonly cause: unknown }> {
  override get message() {
    return `${this.op}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/** A stored message. `pending` is the number of later messages in the stream that match the reader's filter. */
export interface Message {
  readonly _tag: "Message"
  readonly subject: string
  readonly seq: number
  readonly timeMs: number
  readonly pending: number
  readonly data: Uint8Array
  readonly header: (name: string) => string
}

export interface PublishOptions {
  readonly msgId?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Which of nats.conf's users a connection signs in as. */
export type Role = "engine" | "gateway"

const oldest = [2, 10, 23] as const
const requestTimeoutDefault = Duration.seconds(5)
/** How long a request waits for a lost connection. */
const reconnectMaxMs = 5_000
/** A fault of the server's store is forgotten when nothing stayed unacknowledged for this many times the time of a request. */
const faultKept = 3
const payloadMaxDefault = 1_024 * 1_024
const publishAttemptsMax = 6
/** The retries of a publish with an id. A failed publish may still be stored, and the id prevents a second copy. */
const publishAgain = Schedule.exponential("100 millis").pipe(
  Schedule.union(Schedule.spaced("2 seconds")),
  Schedule.intersect(Schedule.recurs(publishAttemptsMax - 1))
)
/** A stop waits this long until the connection's buffer is sent, and then this long until the socket is closed. */
const drainMaxMs = 3_000
const closeMaxMs = 1_000

/** Older servers lack several filters, s2 or metadata; 2.10.20 to .22 can lose a stream on a kill. */
export const isNewEnough = (version: string): boolean => {
  const parts = version.split(/[.-]/).map(Number)
  for (const [at, wanted] of oldest.entries()) {
    const got = parts[at] ?? 0
    if (got !== wanted) return got > wanted
  }
  return true
}

const attempt = <A>(op: string, run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op, cause }) })

/** The server's answer, if the error is an answer and not a lost connection. */
export const apiErrorOf = ({ cause }: NatsError): ApiError | undefined =>
  typeof cause === "object" && cause !== null && "api_error" in cause ? (cause.api_error as ApiError | undefined) : undefined

/** True when the message is larger than the server or the stream accepts. */
export const isTooLarge = (error: NatsError): boolean => {
  const { cause } = error
  if (apiErrorOf(error)?.err_code === ServerErrors.messageTooLarge) return true
  return typeof cause === "object" && cause !== null && "code" in cause && cause.code === ErrorCode.MaxPayloadExceeded
}

/** True when another writer was first, for a publish that named the newest message it knows. */
export const isConflict = (error: NatsError): boolean => ServerErrors.wrongLastSequence.has(apiErrorOf(error)?.err_code ?? 0)
/** The header that names the newest message of the subject (0 for none). The server refuses the publish if there is another one. */
export const expectedLastHeader = "Nats-Expected-Last-Subject-Sequence"

const headersOf = ({ msgId, headers }: PublishOptions): ReadonlyArray<readonly [string, string]> => {
  const named = headers === undefined ? [] : Object.entries(headers)
  return msgId === undefined ? named : [["Nats-Msg-Id", msgId], ...named]
}

const connectAdvice = "start nats-server with this folder's nats.conf, or correct NATS_URL"
const signInAdvice = "NATS_ENGINE_PASSWORD and NATS_GATEWAY_PASSWORD must be those that the server was started with"

/** A connection that could not be made, with what to do about it. */
export const connectFailed = (cause: unknown): NatsError => {
  const reason = UnknownHost.reasonOf(cause) ?? (cause instanceof Error ? cause.message : String(cause))
  const advice = /authorization|authentication/i.test(reason) ? signInAdvice : connectAdvice
  return new NatsError({ op: "Failed to connect to NATS", cause: new Error(`${reason}; ${advice}`, { cause }) })
}

/** The addresses of NATS and the user of a role: its own user of nats.conf, else the user in NATS_URL, which the client itself ignores. */
export const signIn = (role: Role | "callout") =>
  Effect.gen(function* () {
    const text = yield* Config.redacted("NATS_URL").pipe(Config.withDefault(Redacted.make("nats://127.0.0.1:4222")))
    const password = yield* Config.option(Config.redacted(`NATS_${role.toUpperCase()}_PASSWORD`))
    const addresses = Redacted.value(text)
      .split(",")
      .map((one) => one.trim())
    const first = URL.canParse(addresses[0] ?? "") ? new URL(addresses[0] ?? "") : undefined
    const carried =
      first === undefined || first.username === ""
        ? {}
        : { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) }
    return {
      servers: addresses.map((one) => one.replace(/\/\/[^@/]*@/, "//")),
      ...(Option.isSome(password) ? { user: role as string, pass: Redacted.value(password.value) } : carried)
    }
  })

/** How long the server may take for a connection, for an answer and for an acknowledgement. */
const requestTimeout = Config.duration("NATS_REQUEST_TIMEOUT").pipe(
  Config.withDefault(requestTimeoutDefault),
  Config.map(Duration.toMillis)
)

/** How a process of ours connects as one of nats.conf's users. */
export const clientOptions = (role: Role | "callout") =>
  Effect.gen(function* () {
    return {
      ...(yield* signIn(role)),
      name: `tarang-${role}`,
      // nats.conf lets no other user read these inboxes.
      inboxPrefix: `_INBOX_${role}`,
      // A stack trace for every publish costs a twentieth of a busy actor's time.
      noAsyncTraces: true,
      timeout: yield* requestTimeout,
      // By default the client stops after ten attempts or two refusals, and notices a dead peer only after minutes.
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectTimeWait: 250,
      reconnectJitter: 250,
      pingInterval: 10_000,
      maxPingOut: 2
    } satisfies ConnectionOptions
  })

/** The state of the connection, its listeners and its open requests. */
class Link {
  isUp = true
  readonly up = Effect.unsafeMakeLatch(true)
  private readonly role: Role
  private readonly listeners = new Set<(isUp: boolean) => void>()
  private readonly requests = new Set<() => void>()

  constructor(role: Role) {
    this.role = role
  }

  set(isUp: boolean): void {
    this.isUp = isUp
    if (isUp) {
      this.up.unsafeOpen()
      Metrics.natsReconnects(this.role)
    } else {
      this.up.unsafeClose()
      for (const lose of this.requests) lose()
      this.requests.clear()
      Metrics.natsDisconnects(this.role)
    }
    for (const listener of this.listeners) listener(isUp)
  }

  /** Calls the listener, synchronously, whenever the connection is lost and when it is back. */
  readonly listen = (listener: (isUp: boolean) => void): Effect.Effect<void, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => void this.listeners.add(listener)),
      () => Effect.sync(() => this.listeners.delete(listener))
    )

  /** Runs an effect when the connection is up; waits for a lost connection up to a time limit. */
  readonly whenConnected = <A, E>(op: string, self: Effect.Effect<A, E>): Effect.Effect<A, E | NatsError> => {
    const back = () =>
      Effect.timeoutFail(this.up.await, {
        duration: reconnectMaxMs,
        onTimeout: () => new NatsError({ op, cause: new Error("not connected to NATS") })
      })
    return Effect.suspend(() => (this.isUp ? self : Effect.zipRight(back(), self)))
  }

  /**
   * Sends a request to the server. It waits for the connection and fails as soon as the connection is lost: the server never answers what a
   * lost connection carried, and the client would wait for its time limit.
   */
  readonly request = <A>(op: string, run: () => Promise<A>): Effect.Effect<A, NatsError> => {
    const answer = attempt(
      op,
      () =>
        new Promise<A>((resolve, reject) => {
          const lose = () => reject(new Error("connection to NATS lost"))
          this.requests.add(lose)
          run()
            .then(resolve, reject)
            .finally(() => this.requests.delete(lose))
        })
    )
    return this.whenConnected(op, answer)
  }
}

/** Connects, and on release drains the connection within a time limit. */
const connection = (wanted: ConnectionOptions, link: Link) =>
  Effect.acquireRelease(
    Effect.mapError(
      attempt("connect", () => connect(wanted)),
      ({ cause }) => connectFailed(cause)
    ),
    // A finalizer is not interruptible by default, and a dead server never answers a drain.
    (nc) =>
      Effect.tryPromise(() => (link.isUp ? nc.drain() : nc.close())).pipe(
        Effect.interruptible,
        Effect.timeout(drainMaxMs),
        Effect.catchAll(() => Effect.promise(() => nc.close()).pipe(Effect.interruptible, Effect.timeout(closeMaxMs), Effect.ignore))
      )
  )

const checkVersion = (nc: NatsConnection) => {
  const version = nc.info?.version ?? "0"
  if (isNewEnough(version)) return Effect.void
  return new NatsError({
    op: "Failed to connect to NATS",
    cause: new Error(`the server is ${version}; ${oldest.join(".")} or newer is needed`)
  })
}

/** Follows the client's status events until the connection closes. */
const follow = (nc: NatsConnection, link: Link, acks: Acks.Acks<NatsError>) =>
  Effect.tryPromise(async () => {
    for await (const { type } of nc.status()) {
      if (type === Events.Disconnect || type === Events.Reconnect) link.set(type === Events.Reconnect)
    }
    acks.lose()
  }).pipe(Effect.ignoreLogged)

const publishFailed = (subject: string, cause: Error) => new NatsError({ op: `publish ${subject}`, cause })

const publishing = (nc: NatsConnection, link: Link, acks: Acks.Acks<NatsError>) => {
  /**
   * The newest headers of a publish without an id, and their encoded form. A caller passes the same object for thousands of messages in a
   * row.
   */
  let newest: { readonly given: PublishOptions["headers"]; readonly pairs: ReturnType<typeof headersOf> } = { given: undefined, pairs: [] }
  const pairsOf = (given: PublishOptions) => {
    if (given.msgId !== undefined || given.headers === undefined) return headersOf(given)
    if (newest.given !== given.headers) newest = { given: given.headers, pairs: headersOf(given) }
    return newest.pairs
  }
  /** Publishes and calls `done` once, later, with the acknowledgement or the error. It costs no fiber, promise or timer per message. */
  const send = (subject: string, data: Uint8Array, given: PublishOptions, done: (result: Acks.Ack | NatsError) => void): void => {
    acks.send(subject, data, pairsOf(given), done)
  }
  const publishOnce = (subject: string, data: Uint8Array, given: PublishOptions) =>
    link.whenConnected(
      `publish ${subject}`,
      Effect.async<Acks.Ack, NatsError>((resume) =>
        send(subject, data, given, (result) => resume(result instanceof NatsError ? Effect.fail(result) : Effect.succeed(result)))
      )
    )
  return {
    send,
    /** Publishes with acknowledgement. A failed publish may still be stored, so only a publish with an id is tried again. */
    publish: (subject: string, data: Uint8Array, given: PublishOptions = {}): Effect.Effect<Acks.Ack, NatsError> =>
      given.msgId === undefined ? publishOnce(subject, data, given) : Effect.retry(publishOnce(subject, data, given), publishAgain),
    /** Publishes without acknowledgement. Use it for a hint that may be lost. */
    notify: (subject: string, data: Uint8Array) =>
      Effect.try({ try: () => nc.publish(subject, data), catch: (cause) => new NatsError({ op: `notify ${subject}`, cause }) })
  }
}

const stored = (message: StoredMsg): Message => ({
  _tag: "Message",
  subject: message.subject,
  seq: message.seq,
  timeMs: message.time.getTime(),
  pending: 0,
  data: message.data,
  header: (name) => message.header?.get(name) ?? ""
})

const lookUps = (jsm: JetStreamManager, { request }: Link) => {
  const find = (op: string, stream: string, query: Parameters<typeof jsm.streams.getMessage>[1]) =>
    request(op, () => jsm.streams.getMessage(stream, query)).pipe(
      Effect.map((message) => Option.some(stored(message))),
      Effect.catchIf(
        (error) => apiErrorOf(error)?.err_code === ServerErrors.noMessageFound,
        () => Effect.succeedNone
      )
    )
  return {
    /** The newest message of a subject. */
    last: (stream: string, subject: string) => find(`last ${subject}`, stream, { last_by_subj: subject }),
    /** The oldest message of a subject that the stream still holds, from a sequence on. */
    first: (stream: string, subject: string, fromSeq = 1) =>
      find(`first ${subject}`, stream, { seq: fromSeq, next_by_subj: subject } as never),
    /** The message with that sequence. */
    at: (stream: string, seq: number) => find(`message ${seq}`, stream, { seq }),
    info: (stream: string) =>
      Effect.map(
        request(`info ${stream}`, () => jsm.streams.info(stream)),
        ({ created, state }) => ({ createdMs: Date.parse(created), firstSeq: state.first_seq, lastSeq: state.last_seq })
      )
  }
}

const make = (role: Role) =>
  Effect.gen(function* () {
    const wanted = yield* clientOptions(role)
    const { timeout } = wanted
    const link = new Link(role)
    const nc = yield* connection(wanted, link)
    yield* checkVersion(nc)
    const js: JetStreamClient = nc.jetstream({ timeout })
    const jsm: JetStreamManager = yield* attempt("jetstream", () => nc.jetstreamManager({ timeout, checkAPI: false }))
    const unstored = new Unstored(faultKept * timeout)
    const acks = Acks.make(nc, createInbox(wanted.inboxPrefix), timeout, unstored, publishFailed)
    // This is the first listener, so open publishes fail before any other part hears of the loss.
    yield* link.listen((isUp) => {
      if (isUp) return
      acks.lose()
      unstored.clear()
    })
    yield* Effect.forkScoped(follow(nc, link, acks))
    return {
      nc,
      js,
      jsm,
      isConnected: () => link.isUp && !nc.isClosed(),
      onConnection: link.listen,
      /** A subject for answers that only this user may read. */
      newInbox: () => createInbox(wanted.inboxPrefix),
      /** The most bytes of a message, its headers included. */
      payloadMax: () => nc.info?.max_payload ?? payloadMaxDefault,
      /** This process's publishes that NATS answers but does not store. */
      unstored,
      request: link.request,
      whenConnected: link.whenConnected,
      ...publishing(nc, link, acks),
      ...lookUps(jsm, link)
    } as const
  })

/** One connection to NATS, with publishing with acknowledgement, look-ups of messages, and facts about streams. */
export class JetStream extends Effect.Service<JetStream>()("streams/JetStream", { scoped: make("engine") }) {
  static readonly layer = (role: Role) =>
    Layer.scoped(
      JetStream,
      Effect.map(make(role), (service) => JetStream.make(service))
    )
}
