import { Config, Data, Effect, Layer, Option, Redacted, Schedule, type Scope } from "effect"
import {
  type ApiError,
  type ConnectionOptions,
  connect,
  createInbox,
  ErrorCode,
  Events,
  type JetStreamClient,
  type JetStreamManager,
  type StoredMsg
} from "nats"
import * as Acks from "./Acks.ts"
import * as Metrics from "./Metrics.ts"

/** `op` names what was tried; `cause` is the client's own error. */
export class NatsError extends Data.TaggedError("NatsError")<{ readonly op: string; readonly cause: unknown }> {
  override get message() {
    return `${this.op}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/** One stored message as a reader meets it. `pending` is how many more the reader's filter still has in the stream. */
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
const requestTimeoutMs = 5_000
const payloadMaxDefault = 1_024 * 1_024
const publishAttemptsMax = 6
/** How a publish with an id is tried again: what fails may still have landed, and the id keeps it from landing twice. */
export const publishAgain = Schedule.exponential("100 millis").pipe(
  Schedule.union(Schedule.spaced("2 seconds")),
  Schedule.intersect(Schedule.recurs(publishAttemptsMax - 1))
)
/** A stop waits so long for what was handed to the connection, and then so long for the socket. */
const drainMaxMs = 3_000
const closeMaxMs = 1_000
/** The server's own number for "no message found"; its 404 alone would also be a stream that is not there. */
const noMessageFound = 10_037

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

/** What the server answered, when the error is its answer and not a break on the way. */
export const apiErrorOf = ({ cause }: NatsError): ApiError | undefined =>
  typeof cause === "object" && cause !== null && "api_error" in cause ? (cause.api_error as ApiError | undefined) : undefined

/** The server's number for a message over the stream's own limit. */
const messageTooLarge = 10_054

/** True when the message itself is the reason: it is larger than the server or the stream takes. */
export const isTooLarge = (error: NatsError): boolean => {
  const { cause } = error
  if (apiErrorOf(error)?.err_code === messageTooLarge) return true
  return typeof cause === "object" && cause !== null && "code" in cause && cause.code === ErrorCode.MaxPayloadExceeded
}

const headersOf = ({ msgId, headers }: PublishOptions): ReadonlyArray<readonly [string, string]> => {
  const named = headers === undefined ? [] : Object.entries(headers)
  return msgId === undefined ? named : [["Nats-Msg-Id", msgId], ...named]
}

const connectFailed = ({ cause }: NatsError): NatsError => {
  const isUnknownHost = cause instanceof Error && "code" in cause && (cause.code === "ENOTFOUND" || cause.code === "EAI_AGAIN")
  const host = isUnknownHost && "hostname" in cause ? String(cause.hostname) : ""
  return new NatsError({ op: "Failed to connect to NATS", cause: isUnknownHost ? new Error(`Failed to resolve hostname ${host}`) : cause })
}

/** Where NATS is and as whom a role signs in: its own user of nats.conf, else what NATS_URL itself carries (the client ignores that part). */
export const signIn = (role: Role) =>
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

const options = (role: Role) =>
  Effect.gen(function* () {
    return {
      ...(yield* signIn(role)),
      name: `tarang-${role}`,
      // nats.conf keeps others away from the answers to these.
      inboxPrefix: `_INBOX_${role}`,
      // A stack trace for every publish is a twentieth of a busy actor's time.
      noAsyncTraces: true,
      timeout: requestTimeoutMs,
      // The client gives up for good after ten tries or two refusals by default, and notices a dead peer only after minutes.
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectTimeWait: 250,
      reconnectJitter: 250,
      pingInterval: 10_000,
      maxPingOut: 2
    } satisfies ConnectionOptions
  })

const make = (role: Role) =>
  Effect.gen(function* () {
    const wanted = yield* options(role)
    let connected = true
    const nc = yield* Effect.acquireRelease(
      Effect.mapError(
        attempt("connect", () => connect(wanted)),
        connectFailed
      ),
      // Interruptible, since a finalizer is not by itself and a dead server answers no drain.
      (nc) =>
        Effect.tryPromise(() => (connected ? nc.drain() : nc.close())).pipe(
          Effect.interruptible,
          Effect.timeout(drainMaxMs),
          Effect.catchAll(() => Effect.promise(() => nc.close()).pipe(Effect.interruptible, Effect.timeout(closeMaxMs), Effect.ignore))
        )
    )
    const version = nc.info?.version ?? "0"
    if (!isNewEnough(version)) {
      return yield* new NatsError({
        op: "Failed to connect to NATS",
        cause: new Error(`the server is ${version}; ${oldest.join(".")} or newer is needed`)
      })
    }
    const js: JetStreamClient = nc.jetstream({ timeout: requestTimeoutMs })
    const jsm: JetStreamManager = yield* attempt("jetstream", () => nc.jetstreamManager({ timeout: requestTimeoutMs, checkAPI: false }))
    const up = yield* Effect.makeLatch(true)
    const listeners = new Set<(isUp: boolean) => void>()
    const inFlight = new Set<() => void>()
    const acks = Acks.make(nc, createInbox(wanted.inboxPrefix), requestTimeoutMs)
    const connection = (isUp: boolean) => {
      connected = isUp
      if (isUp) {
        up.unsafeOpen()
        Metrics.natsReconnects(role)
      } else {
        up.unsafeClose()
        for (const lose of inFlight) lose()
        inFlight.clear()
        acks.lose()
        Metrics.natsDisconnects(role)
      }
      for (const listener of listeners) listener(isUp)
    }
    // Ends with the connection.
    yield* Effect.tryPromise(async () => {
      for await (const { type } of nc.status()) {
        if (type === Events.Disconnect || type === Events.Reconnect) connection(type === Events.Reconnect)
      }
      acks.lose()
    }).pipe(Effect.ignoreLogged, Effect.forkScoped)

    /** Calls the listener, synchronously, whenever the connection is lost and when it is back. */
    const onConnection = (listener: (isUp: boolean) => void): Effect.Effect<void, never, Scope.Scope> =>
      Effect.acquireRelease(
        Effect.sync(() => void listeners.add(listener)),
        () => Effect.sync(() => listeners.delete(listener))
      )
    /** A subject for answers that only this user may read. */
    const newInbox = () => createInbox(wanted.inboxPrefix)

    /** Waits for the connection, for a while, when it is lost. */
    const whenConnected = <A, E>(op: string, self: Effect.Effect<A, E>): Effect.Effect<A, E | NatsError> => {
      const back = () =>
        Effect.timeoutFail(up.await, {
          duration: requestTimeoutMs,
          onTimeout: () => new NatsError({ op, cause: new Error("not connected to NATS") })
        })
      return Effect.suspend(() => (connected ? self : Effect.zipRight(back(), self)))
    }

    /**
     * A question to the server. It waits for the connection, and fails as soon as that is lost: the client would wait for its timeout,
     * though nothing that was handed to a lost connection is ever answered.
     */
    const request = <A>(op: string, run: () => Promise<A>): Effect.Effect<A, NatsError> => {
      const answer = attempt(
        op,
        () =>
          new Promise<A>((resolve, reject) => {
            const lose = () => reject(new Error("connection to NATS lost"))
            inFlight.add(lose)
            run()
              .then(resolve, reject)
              .finally(() => inFlight.delete(lose))
          })
      )
      return whenConnected(op, answer)
    }

    /**
     * Publishes; `done` is called once, later, with the acknowledgement or with why there is none. For whoever sends many at once: no fiber,
     * no promise and no timer each.
     */
    const send = (subject: string, data: Uint8Array, given: PublishOptions, done: (result: Acks.Ack | NatsError) => void): void => {
      acks.send(subject, data, headersOf(given), (result) =>
        done(result instanceof Error ? new NatsError({ op: `publish ${subject}`, cause: result }) : result)
      )
    }

    const publishOnce = (subject: string, data: Uint8Array, given: PublishOptions) =>
      whenConnected(
        `publish ${subject}`,
        Effect.async<Acks.Ack, NatsError>((resume) =>
          send(subject, data, given, (result) => resume(result instanceof NatsError ? Effect.fail(result) : Effect.succeed(result)))
        )
      )

    /** Acknowledged. What fails may still have landed, so only a publish with an id is tried again. */
    const publish = (subject: string, data: Uint8Array, given: PublishOptions = {}): Effect.Effect<Acks.Ack, NatsError> =>
      given.msgId === undefined ? publishOnce(subject, data, given) : Effect.retry(publishOnce(subject, data, given), publishAgain)

    /** Fire and forget: for a hint that somebody else would also find out by looking. */
    const notify = (subject: string, data: Uint8Array) =>
      Effect.try({ try: () => nc.publish(subject, data), catch: (cause) => new NatsError({ op: `notify ${subject}`, cause }) })

    const stored = (message: StoredMsg): Message => ({
      _tag: "Message",
      subject: message.subject,
      seq: message.seq,
      timeMs: message.time.getTime(),
      pending: 0,
      data: message.data,
      header: (name) => message.header?.get(name) ?? ""
    })
    const find = (op: string, stream: string, query: Parameters<typeof jsm.streams.getMessage>[1]) =>
      request(op, () => jsm.streams.getMessage(stream, query)).pipe(
        Effect.map((message) => Option.some(stored(message))),
        Effect.catchIf(
          (error) => apiErrorOf(error)?.err_code === noMessageFound,
          () => Effect.succeedNone
        )
      )

    /** The newest message of a subject. */
    const last = (stream: string, subject: string) => find(`last ${subject}`, stream, { last_by_subj: subject })
    /** The oldest message of a subject that the stream still holds. */
    const first = (stream: string, subject: string) => find(`first ${subject}`, stream, { seq: 1, next_by_subj: subject } as never)

    const info = (stream: string) =>
      Effect.map(
        request(`info ${stream}`, () => jsm.streams.info(stream)),
        ({ created, state }) => ({ createdMs: Date.parse(created), firstSeq: state.first_seq, lastSeq: state.last_seq })
      )

    return {
      nc,
      js,
      jsm,
      isConnected: () => connected && !nc.isClosed(),
      onConnection,
      newInbox,
      /** Bytes of a message, its headers included. */
      payloadMax: () => nc.info?.max_payload ?? payloadMaxDefault,
      request,
      whenConnected,
      send,
      publish,
      notify,
      last,
      first,
      info
    } as const
  })

/** One connection to NATS, and the acknowledged publish, look-ups and stream facts that the rest is built on. */
export class JetStream extends Effect.Service<JetStream>()("streams/JetStream", { scoped: make("engine") }) {
  static readonly layer = (role: Role) =>
    Layer.scoped(
      JetStream,
      Effect.map(make(role), (service) => JetStream.make(service))
    )
}
