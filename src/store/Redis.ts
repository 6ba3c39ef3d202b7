import { Config, Data, Duration, Effect, Mailbox, Option, Redacted } from "effect"
import { Redis as Client, type RedisOptions } from "ioredis"
import * as UnknownHost from "../domain/UnknownHost.ts"
import * as Turn from "../loop/Turn.ts"

/** The configuration requires Redis, and it did not answer at the start. The start can be repeated. */
export class RedisNotReachable extends Data.TaggedError("RedisNotReachable")<{ readonly reason: string }> {
  override get message(): string {
    return `Failed to connect to Redis: ${this.reason}; start Redis and correct REDIS_URL, or set REDIS_REQUIRED=false`
  }
}
/** Redis is away, mute, full or not configured. The caller reads the source instead: nothing is stored only in Redis. */
export class RedisUnavailable extends Data.TaggedError("RedisUnavailable")<{ readonly cause: unknown }> {}

export type State = "up" | "down" | "not configured"

const startWaitDefault = Duration.seconds(3)
/** How long a stop waits for outstanding replies. */
const stopWait = Duration.seconds(1)
const transitionsMax = 16

/** A command fails at once while Redis is down, and within a second while it is mute. No command is queued or sent twice. */
const options: RedisOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  autoResendUnfulfilledCommands: false,
  commandTimeout: 1000,
  connectTimeout: 2000,
  socketTimeout: 5000,
  retryStrategy: (attempt) => Math.min(attempt * 100, 2000),
  connectionName: "tarang"
}

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "no answer"
  const unknownHost = UnknownHost.reasonOf(error)
  if (unknownHost !== undefined) return unknownHost
  return error.message !== "" ? error.message : "code" in error ? String(error.code) : error.name
}

/** Limits the time of an effect in a finalizer. A finalizer is uninterruptible, so the effect has to be made interruptible first. */
const bounded = (effect: Effect.Effect<void>) => Effect.timeoutOption(Effect.interruptible(effect), stopWait)

/** Closes the connection. Waits for outstanding replies, but not for a mute server. */
const close = (client: Client) =>
  Effect.gen(function* () {
    if (client.status === "ready") yield* bounded(Effect.ignore(Effect.tryPromise(() => client.quit())))
    const ended = Effect.async<void>((resume) => {
      client.once("end", () => resume(Effect.void))
      client.disconnect()
      // Between two attempts there is no connection, and so no "end" event.
      if (client.status === "end" || client.status === "reconnecting") resume(Effect.void)
    })
    yield* bounded(ended)
    yield* Effect.sync(() => client.stream?.destroy())
  })

/** Ends with the first connection. It fails with the first attempt, unless Redis is required: then the client's next attempts count too. */
const firstConnection = (client: Client, required: boolean) => {
  const ready = Effect.async<void>((resume) => {
    const done = () => resume(Effect.void)
    if (client.status === "ready") done()
    client.once("ready", done)
    return Effect.sync(() => client.off("ready", done))
  })
  return Effect.catchAll(
    Effect.tryPromise(() => client.connect()),
    (error) => (required ? ready : Effect.fail(error))
  )
}

const connect = (url: string, { required, startWait }: { readonly required: boolean; readonly startWait: Duration.Duration }) =>
  Effect.gen(function* () {
    const transitions = yield* Mailbox.make<{ readonly state: State; readonly reason?: string }>({
      capacity: transitionsMax,
      strategy: "sliding"
    })
    let lastError: unknown
    let reported: State = "up"
    const report = (state: State, reason?: string): void => {
      if (state === reported) return
      reported = state
      transitions.unsafeOffer(reason === undefined ? { state } : { state, reason })
    }
    const client = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Client(url, options)
          // Without a listener ioredis prints errors, and a failing retry would end the process.
          .on("error", (error: unknown) => {
            lastError = error
          })
          .on("close", () => report("down", reasonOf(lastError)))
          .on("ready", () => report("up"))
      ),
      close
    )
    yield* Effect.forkScoped(
      Effect.forever(
        Effect.flatMap(Effect.orDie(transitions.take), ({ state, reason }) =>
          state === "up" ? Effect.logInfo("Redis is back") : Effect.logWarning("Redis is away, going on without it", { reason })
        )
      )
    )
    const connected = yield* Turn.inTime(firstConnection(client, required), startWait, () => "late").pipe(
      Effect.as(true),
      // The start continues without Redis while the client keeps trying to connect.
      Effect.orElseSucceed(() => false)
    )
    return { client, connected, reason: () => reasonOf(lastError) } as const
  })

/**
 * The optional cache at REDIS_URL. Without an address every `use` fails at once and `state` is "not configured". With REDIS_REQUIRED=true the
 * layer fails unless Redis answers.
 */
export class Redis extends Effect.Service<Redis>()("store/Redis", {
  scoped: Effect.gen(function* () {
    const url = yield* Config.option(Config.redacted("REDIS_URL"))
    const required = yield* Config.boolean("REDIS_REQUIRED").pipe(Config.withDefault(false))
    // After this time the start goes on without Redis, or fails if Redis is required.
    const startWait = yield* Config.duration("REDIS_START_WAIT").pipe(Config.withDefault(startWaitDefault))
    const address = Option.filter(Option.map(url, Redacted.value), (text) => text !== "")
    if (Option.isNone(address)) {
      if (required) return yield* new RedisNotReachable({ reason: "REDIS_URL is not set" })
      return {
        required,
        state: (): State => "not configured",
        use: <A>(_run: (client: Client) => Promise<A>): Effect.Effect<A, RedisUnavailable> =>
          Effect.fail(new RedisUnavailable({ cause: "REDIS_URL is not set" }))
      } as const
    }
    const { client, connected, reason } = yield* connect(address.value, { required, startWait })
    if (required && !connected) return yield* new RedisNotReachable({ reason: reason() })
    return {
      required,
      state: (): State => (client.status === "ready" ? "up" : "down"),
      /** Runs `run` with the client. Every failure is RedisUnavailable, and the caller then reads the source. */
      use: <A>(run: (client: Client) => Promise<A>): Effect.Effect<A, RedisUnavailable> =>
        Effect.tryPromise({ try: () => run(client), catch: (cause) => new RedisUnavailable({ cause }) })
    } as const
  })
}) {}
