import { randomBytes } from "node:crypto"
import { Clock, Config, Effect, Either, FiberSet, Mailbox, Option, Redacted, Schedule, Schema } from "effect"
import { connect, createInbox, Events, type Msg, type NatsConnection } from "nats"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { clientOptions, connectFailed } from "../JetStream.ts"
import * as Metrics from "../Metrics.ts"
import { Census, nameOf, partsOf } from "./Census.ts"
import * as Claims from "./Claims.ts"

/** Decides who may connect to NATS as a user of our own, and who may stay. */
export interface Admission {
  /** The rights that this password or token gives. Left: the reason for the refusal, which never contains the secret. */
  readonly admit: (secret: Redacted.Redacted<string>) => Effect.Effect<Either.Either<Claims.Grant & { readonly owner: string }, string>>
  /** Those of these names of admitted connections that must be disconnected. */
  readonly ended: (names: ReadonlySet<string>) => Effect.Effect<ReadonlySet<string>>
  /** The owner in a name; undefined for a name that `admit` did not give. */
  readonly ownerOf: (name: string) => string | undefined
}

/** Logins that one process decides at the same time. Further ones are refused; a client tries again by itself. */
const loginsMax = 256
/** nats.conf gives a login five seconds. */
const loginMax = "4 seconds"
/** All connections are checked this often, and at once when a key changed. */
const lookMs = 5_000
const connectEvery = "5 seconds"
/** The most answers of servers that may wait. If one is dropped, the next check gets it. */
const pagesMax = 64
export interface Looks {
  /** Ends when the next check should come at once. */
  readonly soon: Effect.Effect<void>
  /** Connections in one answer of a server. */
  readonly pageMax: number
}

/** A server's answer to CONNZ: one page of its connections. */
const Page = Schema.parseJson(
  Schema.Struct({
    server: Schema.Struct({ id: Schema.String }),
    data: Schema.Struct({
      offset: Schema.Int,
      total: Schema.Int,
      connections: Schema.Array(Schema.Struct({ cid: Schema.Int, authorized_user: Schema.optional(Schema.String) }))
    })
  })
)
const decodePage = Schema.decodeUnknownEither(Page)

interface Settings {
  readonly signer: Claims.Signer
  readonly perOwnerMax: number
}

/** None without the issuer's key: this process then answers no logins. */
const settings = Effect.gen(function* () {
  const seed = yield* Config.option(Config.redacted("NATS_CALLOUT_SEED"))
  const password = yield* Config.option(Config.redacted("NATS_CALLOUT_PASSWORD"))
  const perOwnerMax = yield* Config.integer("NATS_CONNECTIONS_PER_USER_MAX").pipe(Config.withDefault(100))
  if (Option.isNone(seed) || Option.isNone(password)) return Option.none<Settings>()
  const signer = yield* Effect.try({
    try: () => Claims.makeSigner(Redacted.value(seed.value)),
    catch: () => new TypeError("NATS_CALLOUT_SEED is not the seed of an account's key: make one with node scripts/callout.mjs")
  }).pipe(Effect.orDie)
  return Option.some<Settings>({ signer, perOwnerMax })
})

/** Answers the server's questions about who may connect. */
const answering = (nc: NatsConnection, admission: Admission, census: Census, { perOwnerMax, signer }: Settings) =>
  Effect.gen(function* () {
    const fibers = yield* FiberSet.make<void>()
    const run = yield* FiberSet.runtime(fibers)<never>()
    const decide = ({ nats: { connect_opts } }: Claims.Question, nowMs: number) =>
      Effect.gen(function* () {
        const granted = yield* admission.admit(Redacted.make(connect_opts.pass ?? connect_opts.auth_token ?? ""))
        if (Either.isLeft(granted)) return granted
        const { owner } = granted.right
        if (census.countOf(owner, nowMs) >= perOwnerMax) return Either.left(`has ${perOwnerMax} connections already`)
        const login = randomBytes(4).toString("hex")
        census.admitted(owner, login, nowMs)
        return Either.right({ ...granted.right, name: nameOf(granted.right.name, login) })
      }).pipe(Effect.timeoutTo({ duration: loginMax, onSuccess: (it) => it, onTimeout: () => Either.left("took too long to check") }))
    const answer = (message: Msg) =>
      Effect.gen(function* () {
        const question = Claims.readQuestion(message.string())
        if (Either.isLeft(question)) return yield* Effect.logWarning("a question of the NATS server cannot be read", question.left)
        const nowMs = yield* Clock.currentTimeMillis
        const isBusy = (yield* FiberSet.size(fibers)) > loginsMax
        const result = isBusy ? Either.left("too many logins at once") : yield* decide(question.right, yield* SteadyTime.nowMs)
        Metrics.natsLogins(Either.isRight(result) ? "admitted" : "refused")
        // The server logs each refusal with its reason.
        if (Either.isRight(result)) yield* Effect.logInfo("nats user admitted").pipe(Effect.annotateLogs({ name: result.right.name }))
        message.respond(
          Either.match(result, {
            onLeft: (reason) => signer.refuse(nowMs, question.right, reason),
            onRight: (grant) => signer.admit(nowMs, question.right, grant)
          })
        )
      })
    // One process answers each question.
    nc.subscribe("$SYS.REQ.USER.AUTH", {
      queue: "tarang",
      callback: (error, message) =>
        void (error === null && run(Effect.catchAllCause(answer(message), (cause) => Effect.logError("a login failed", cause))))
    })
  })

/** Reports whether this process can answer logins. */
const watching = (nc: NatsConnection) =>
  Effect.gen(function* () {
    yield* Effect.acquireRelease(
      Effect.sync(() => Metrics.calloutUp(true)),
      () => Effect.sync(() => Metrics.calloutUp(false))
    )
    yield* Effect.tryPromise(async () => {
      for await (const { type } of nc.status()) {
        if (type === Events.Disconnect || type === Events.Reconnect) Metrics.calloutUp(type === Events.Reconnect)
      }
    }).pipe(Effect.ignoreLogged, Effect.forkScoped)
  })

/** Asks every server for the connections of our users, and ends those that must not stay. */
const looking = (nc: NatsConnection, admission: Admission, census: Census, { pageMax, soon }: Looks) =>
  Effect.gen(function* () {
    const inbox = createInbox("_INBOX_callout")
    const pages = yield* Mailbox.make<typeof Page.Type>({ capacity: pagesMax, strategy: "sliding" })
    const ask = (server: string, offset: number): void =>
      nc.publish(`$SYS.REQ.SERVER.${server}.CONNZ`, JSON.stringify({ auth: true, acc: Claims.account, limit: pageMax, offset }), {
        reply: inbox
      })
    nc.subscribe(inbox, {
      callback: (error, message) => {
        const page = error === null ? decodePage(message.string()) : undefined
        if (page !== undefined && Either.isRight(page)) pages.unsafeOffer(page.right)
      }
    })
    const look = ({ data: { connections, offset, total }, server }: typeof Page.Type) =>
      Effect.gen(function* () {
        if (connections.length > 0 && offset + connections.length < total) ask(server.id, offset + connections.length)
        const parts = connections.map(({ authorized_user }) => partsOf(authorized_user ?? ""))
        const held = parts.flatMap(({ given, login }) => {
          const owner = admission.ownerOf(given)
          return owner === undefined ? [] : [{ owner, login }]
        })
        census.page(server.id, offset === 0, held, yield* SteadyTime.nowMs)
        Metrics.natsUsers(census.total)
        const ended = yield* admission.ended(new Set(parts.map(({ given }) => given)))
        for (const [nth, { cid }] of connections.entries()) {
          if (!ended.has(parts[nth]?.given ?? "")) continue
          nc.publish(`$SYS.REQ.SERVER.${server.id}.KICK`, JSON.stringify({ cid }), { reply: createInbox("_INBOX_callout") })
          Metrics.natsLogins("ended")
        }
      })
    /** Logs a check that fails, so that the checks go on. */
    const going = Effect.catchAllCause((cause) => Effect.logError("connections of owners to NATS were not checked", cause))
    yield* Effect.forkScoped(
      Effect.forever(Effect.flatMap(pages.takeAll, ([all]) => Effect.forEach(all, (page) => going(look(page)), { discard: true })))
    )
    yield* going(Effect.sync(() => ask("PING", 0))).pipe(
      Effect.zipRight(Effect.raceFirst(soon, Effect.sleep(lookMs))),
      Effect.forever,
      Effect.forkScoped
    )
  })

/**
 * Answers NATS' logins of owners as long as its scope lives, on a connection of its own. Nothing waits for it: while it is away, the
 * server refuses new logins of owners and keeps the connections that it has.
 */
export const serve = (admission: Admission, looks: Looks) =>
  Effect.gen(function* () {
    const configured = yield* settings
    if (Option.isNone(configured))
      return yield* Effect.logInfo("users of NATS are those of nats.conf: NATS_CALLOUT_SEED and NATS_CALLOUT_PASSWORD are not set")
    const options = yield* clientOptions("callout")
    const census = new Census(2 * lookMs)
    const connected = Effect.acquireRelease(Effect.tryPromise({ try: () => connect(options), catch: connectFailed }), (nc) =>
      Effect.promise(() => nc.close())
    ).pipe(
      Effect.tapError((error) => Effect.logWarning("logins of owners to NATS are not answered", error)),
      Effect.retry(Schedule.spaced(connectEvery))
    )
    yield* Effect.flatMap(connected, (nc) =>
      Effect.all([answering(nc, admission, census, configured.value), looking(nc, admission, census, looks), watching(nc)], {
        discard: true
      })
    ).pipe(Effect.forkScoped)
  })
