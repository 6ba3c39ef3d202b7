import { Config, Data, Effect, Layer, Option, Redacted, Schedule } from "effect"
import {
  type ConnectionOptions,
  connect,
  Events,
  type JetStreamClient,
  type JetStreamManager,
  headers as makeHeaders,
  type StoredMsg
} from "nats"
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
const publishTimeoutMs = 5_000
const publishAttemptsMax = 6

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

const options = (role: Role) =>
  Effect.gen(function* () {
    const servers = yield* Config.string("NATS_URL").pipe(Config.withDefault("nats://127.0.0.1:4222"))
    const password = yield* Config.option(Config.redacted(`NATS_${role.toUpperCase()}_PASSWORD`))
    return {
      servers: servers.split(",").map((one) => one.trim()),
      ...(Option.isSome(password) ? { user: role, pass: Redacted.value(password.value) } : {}),
      name: `tarang-${role}`,
      timeout: 5_000,
      // The client gives up for good after ten tries by default, and notices a dead peer only after minutes.
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      reconnectJitter: 250,
      pingInterval: 10_000,
      maxPingOut: 2
    } satisfies ConnectionOptions
  })

const make = (role: Role) =>
  Effect.gen(function* () {
    const wanted = yield* options(role)
    const nc = yield* Effect.acquireRelease(
      Effect.mapError(
        attempt("connect", () => connect(wanted)),
        (error) => new NatsError({ op: "Failed to connect to NATS", cause: error.cause })
      ),
      // drain flushes what was handed to the connection; a dead server must not hold the stop.
      (nc) =>
        Effect.tryPromise(() => nc.drain()).pipe(
          Effect.timeout("3 seconds"),
          Effect.catchAll(() => Effect.promise(() => nc.close()))
        )
    )
    const version = nc.info?.version ?? "0"
    if (!isNewEnough(version)) {
      return yield* new NatsError({
        op: "Failed to connect to NATS",
        cause: new Error(`the server is ${version}; ${oldest.join(".")} or newer is needed`)
      })
    }
    const js: JetStreamClient = nc.jetstream({ timeout: publishTimeoutMs })
    const jsm: JetStreamManager = yield* attempt("jetstream", () => nc.jetstreamManager({ timeout: publishTimeoutMs, checkAPI: false }))
    let connected = true
    yield* Effect.forkScoped(
      Effect.tryPromise(async () => {
        for await (const { type } of nc.status()) {
          if (type === Events.Disconnect) {
            connected = false
            Metrics.natsDisconnects(role)
          } else if (type === Events.Reconnect) {
            connected = true
            Metrics.natsReconnects(role)
          }
        }
      }).pipe(Effect.ignoreLogged)
    )

    const publishOnce = (subject: string, data: Uint8Array, given: PublishOptions) => {
      const headers = given.headers === undefined ? undefined : makeHeaders()
      for (const [name, value] of Object.entries(given.headers ?? {})) headers?.set(name, value)
      return attempt(`publish ${subject}`, () =>
        js.publish(subject, data, {
          ...(given.msgId === undefined ? {} : { msgID: given.msgId }),
          ...(headers === undefined ? {} : { headers })
        })
      )
    }

    /** Acknowledged. A timeout may still have landed, so only a publish with an id is tried again. */
    const publish = (subject: string, data: Uint8Array, given: PublishOptions = {}) =>
      publishOnce(subject, data, given).pipe(
        given.msgId === undefined
          ? (self) => self
          : Effect.retry(
              Schedule.exponential("100 millis").pipe(
                Schedule.union(Schedule.spaced("2 seconds")),
                Schedule.intersect(Schedule.recurs(publishAttemptsMax - 1))
              )
            ),
        Effect.map(({ seq, stream, duplicate }) => ({ seq, stream, duplicate }))
      )

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
    const isMissing = (cause: unknown) =>
      typeof cause === "object" && cause !== null && "code" in cause && (cause.code === "404" || cause.code === 404)
    const find = (op: string, stream: string, query: Parameters<typeof jsm.streams.getMessage>[1]) =>
      attempt(op, () => jsm.streams.getMessage(stream, query)).pipe(
        Effect.map((message) => Option.map(Option.fromNullable(message), stored)),
        Effect.catchIf(
          ({ cause }) => isMissing(cause),
          () => Effect.succeedNone
        )
      )

    /** The newest message of a subject. */
    const last = (stream: string, subject: string) => find(`last ${subject}`, stream, { last_by_subj: subject })
    /** The oldest message of a subject that the stream still holds. */
    const first = (stream: string, subject: string) => find(`first ${subject}`, stream, { seq: 1, next_by_subj: subject } as never)

    const info = (stream: string) =>
      Effect.map(
        attempt(`info ${stream}`, () => jsm.streams.info(stream)),
        ({ created, state }) => ({ createdMs: Date.parse(created), firstSeq: state.first_seq, lastSeq: state.last_seq })
      )

    return { nc, js, jsm, isConnected: () => connected && !nc.isClosed(), publish, notify, last, first, info } as const
  })

/** One connection to NATS, and the acknowledged publish, look-ups and stream facts that the rest is built on. */
export class JetStream extends Effect.Service<JetStream>()("streams/JetStream", { scoped: make("engine") }) {
  static readonly layer = (role: Role) =>
    Layer.scoped(
      JetStream,
      Effect.map(make(role), (service) => JetStream.make(service))
    )
}
