import { Config, Effect, Either, Option, Schema } from "effect"
import { Login } from "../../broker/Account.ts"
import { Accounts } from "../../broker/Accounts.ts"
import { Broker } from "../../broker/Broker.ts"
import * as AccountHealth from "../../domain/accounts/AccountHealth.ts"
import * as InstrumentPlacement from "../../domain/accounts/InstrumentPlacement.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { JetStream, type NatsError } from "../../streams/JetStream.ts"
import * as KeyValue from "../../streams/KeyValue.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as TickerSession from "../market/TickerSession.ts"
import type { Replaced } from "../runtime/Leases.ts"
import * as Metrics from "../runtime/Metrics.ts"
import type { Streamed } from "./Plan.ts"

/** A change of an account's health is noticed within this time. */
const lookEvery = "250 millis"
/** Whether other accounts stream the instruments of an account that fails. */
const standIns = Config.boolean("ACCOUNT_STAND_INS").pipe(Config.withDefault(true))

const toText = new TextDecoder()
const toBytes = new TextEncoder()
const encodePart = Schema.encodeSync(TickerSession.Part)
const decodePart = Schema.decodeEither(TickerSession.Part)

export interface InstrumentPlaces {
  /** Places exactly these instruments. */
  readonly settle: (wanted: ReadonlyArray<Streamed>) => Effect.Effect<void, NatsError | Replaced>
  /** Makes the next look read the bucket again. */
  readonly forget: Effect.Effect<void>
  /** Follows the accounts' health, for as long as it runs. */
  readonly follow: Effect.Effect<never, Replaced>
}

/** The value of one connection's key, and its revision in the bucket. */
interface Part {
  readonly text: string
  readonly revision: number
}

/** Follows the newest reports of all accounts' tickers until the scope closes. */
const conditions = Effect.gen(function* () {
  const { nc } = yield* JetStream
  const clock = yield* Effect.clock
  const known = new Map<string, AccountHealth.Condition>()
  const settled = new Map<string, Readonly<Record<string, number>>>()
  yield* LiveMessages.listenTo(nc, Subjects.Ticker, (status) => {
    const report = AccountHealth.reportOf(status, SteadyTime.unsafeNowMs(clock))
    known.set(status.account_id, AccountHealth.hear(known.get(status.account_id), report))
    settled.set(status.account_id, status.settled ?? {})
  })
  return { known, settled } as const
})

const partsOf = (places: InstrumentPlacement.Places, wanted: ReadonlyMap<number, Streamed>): ReadonlyMap<string, string> => {
  const instruments = new Map<string, Array<TickerSession.Desired>>()
  for (const [token, all] of places) {
    const one = wanted.get(token)
    if (one === undefined) continue
    const { home: _, ...desired } = one
    for (const { account, connection } of all) {
      const key = TickerSession.partKey(account, connection)
      instruments.set(key, [...(instruments.get(key) ?? []), desired])
    }
  }
  return new Map(Array.from(instruments, ([key, all]) => [key, encodePart(TickerSession.partOf(all))]))
}

/** Where the instruments are, by the values of all connections. */
const placesOf = (parts: ReadonlyMap<string, Part>): InstrumentPlacement.Places => {
  const places = new Map<number, Array<InstrumentPlacement.Place>>()
  for (const [key, { text }] of parts) {
    const [account = "", connection = ""] = Subject.kvNames(key)
    const part = decodePart(text)
    if (Either.isLeft(part)) continue // the next look writes it again
    for (const { instrument_token } of TickerSession.instrumentsOf(part.right))
      places.set(instrument_token, [...(places.get(instrument_token) ?? []), { account, connection: Number(connection) }])
  }
  return places
}

/** Logs when other accounts take over the instruments of an account, and when the account gets them back. Each is logged once. */
const healthNotes = () => {
  const reasons = new Map<string, string>()
  return (id: string, { health, reason }: AccountHealth.Finding) => {
    Metrics.accountWell.set(id, health === "unwell" ? 0 : 1)
    const before = reasons.get(id)
    const now = health === "unwell" ? (reason ?? "") : ""
    reasons.set(id, now)
    if (before === undefined ? now === "" : (before === "") === (now === "")) return Effect.void
    return (
      now === ""
        ? Effect.logInfo("the account is well: it gets its instruments back")
        : Effect.logWarning(`other accounts stand in for the account: ${now}`)
    ).pipe(Effect.annotateLogs({ account: id }))
  }
}

/**
 * Keeps the bucket of instruments equal to the placement that `InstrumentPlacement` computes: one value for each connection of each
 * account. At the start it reads the present placement from the bucket, so a new director continues where the previous one ended.
 */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const broker = yield* Broker
  const bucket = yield* KeyValue.open(TickerSession.bucket)
  const mayStandIn = yield* standIns
  const context = yield* Effect.context<JetStream>()
  const limits = broker.connectionLimits

  return (stillOurs: Effect.Effect<void, Replaced>) =>
    Effect.gen(function* () {
      const heard = yield* conditions
      const oneAtATime = yield* Effect.makeSemaphore(1)
      let wanted: ReadonlyMap<number, Streamed> | undefined
      let parts: Map<string, Part> | undefined
      /** When the bucket that was read was made. */
      let createdMs = 0
      /** The input of the newest placement. While it is unchanged, so is the placement. */
      let from = ""
      const note = healthNotes()

      const read = Effect.gen(function* () {
        const found = new Map<string, Part>()
        for (const key of yield* bucket.keys()) {
          const held = yield* bucket.get(key)
          if (Option.isSome(held)) found.set(key, { text: toText.decode(held.value.value), revision: held.value.revision })
        }
        return found
      })
      const healthOf = (id: string, nowMs: number): AccountHealth.Finding => {
        if (!mayStandIn) return { health: "well", reason: null }
        const isSignedOut = Option.exists(Either.getRight(accounts.byId(id)), ({ login }) => Login.$is("Absent")(login))
        return isSignedOut ? { health: "unwell", reason: "nobody has signed in" } : AccountHealth.of(heard.known.get(id), nowMs)
      }
      const write = (next: ReadonlyMap<string, string>, present: Map<string, Part>) =>
        Effect.gen(function* () {
          for (const [key, text] of next) {
            if (present.get(key)?.text === text) continue
            yield* stillOurs
            present.set(key, { text, revision: yield* bucket.put(key, toBytes.encode(text)) })
          }
          for (const key of [...present.keys()].filter((one) => !next.has(one))) {
            yield* stillOurs
            yield* bucket.remove(key)
            present.delete(key)
          }
        })

      const look = Effect.gen(function* () {
        if (wanted === undefined) return
        const nowMs = yield* SteadyTime.nowMs
        const all = accounts.all().map(({ accountId, root }) => ({ id: accountId, broker: root, ...healthOf(accountId, nowMs) }))
        yield* Effect.forEach(all, (one) => note(one.id, one), { discard: true })
        const streams = (id: string) => AccountHealth.isDelivering(heard.known.get(id), nowMs)
        const now = JSON.stringify(all.map(({ broker, health, id }) => [id, broker, health, streams(id), heard.settled.get(id) ?? {}]))
        if (now === from) return
        const bucketMs = yield* bucket.createdMs
        const present = (bucketMs === createdMs ? parts : undefined) ?? (yield* read)
        createdMs = bucketMs
        parts = present
        const delivers = (_: number, { account, connection }: InstrumentPlacement.Place): boolean =>
          streams(account) && heard.settled.get(account)?.[connection] === present.get(TickerSession.partKey(account, connection))?.revision
        const homes = new Map(Array.from(wanted, ([token, { home }]) => [token, home]))
        const places = InstrumentPlacement.step(limits, { accounts: all, wanted: homes, held: placesOf(present), delivers })
        yield* write(partsOf(places, wanted), present)
        const away = new Map<string, number>(all.map(({ id }) => [id, 0]))
        for (const [token, home] of homes) if (places.get(token)?.at(-1)?.account !== home) away.set(home, (away.get(home) ?? 0) + 1)
        for (const [id, count] of away) Metrics.instrumentsAway.set(id, count)
        from = now
      }).pipe(oneAtATime.withPermits(1))

      const forget = Effect.sync(() => {
        parts = undefined
        from = ""
      }).pipe(oneAtATime.withPermits(1))
      const again = (error: NatsError) => Effect.zipRight(forget, Effect.logDebug("instruments are not placed now", error.message))
      return {
        settle: (streamed) => {
          // While a look is under way, nothing changes: at its end it would take the old instruments' places for those of the new ones.
          const want = Effect.sync(() => {
            wanted = new Map(streamed.map((one) => [one.instrument_token, one]))
            from = ""
          })
          return Effect.zipRight(oneAtATime.withPermits(1)(want), look)
        },
        forget,
        follow: Effect.forever(Effect.delay(Effect.catchTag(look, "NatsError", again), lookEvery))
      } satisfies InstrumentPlaces
    }).pipe(Effect.provide(context))
})
