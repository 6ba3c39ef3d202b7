import { randomBytes } from "node:crypto"
import { Clock, ConfigProvider, Context, Duration, Effect, Layer } from "effect"
import { connect, type StreamConfig } from "nats"
import type { NatsRole } from "../../scripts/lib/backends.mjs"
import { JetStream, type Message, type Role } from "../../src/streams/JetStream.ts"
import type * as OrderedRead from "../../src/streams/OrderedRead.ts"
import * as Streams from "../../src/streams/Streams.ts"
import { waitMsMax } from "../Patience.ts"
import { type NatsServer, natsServer } from "../TestBackends.ts"

/** The NATS server of one test file. */
export class Server extends Context.Tag("test/Server")<Server, NatsServer>() {}

export const settings = (server: NatsServer, more: Readonly<Record<string, string>> = {}) =>
  ConfigProvider.fromMap(
    new Map(
      Object.entries({
        NATS_URL: server.url,
        NATS_REQUEST_TIMEOUT: "60 seconds",
        NATS_ENGINE_PASSWORD: server.passwords.engine,
        NATS_GATEWAY_PASSWORD: server.passwords.gateway,
        ...more
      })
    )
  )

/** A connection to the file's server. */
export const connection = (role: Role = "engine") =>
  Layer.unwrapEffect(Effect.map(Server, (server) => JetStream.layer(role).pipe(Layer.provide(Layer.setConfigProvider(settings(server))))))

/** A separate server, and an engine's connection to it. */
export const backend = connection().pipe(Layer.provideMerge(Layer.scoped(Server, natsServer)))

/** The platform's streams at the file's server. */
export const streams = Layer.unwrapEffect(
  Effect.map(Server, (server) => Streams.layer.pipe(Layer.provide(Layer.setConfigProvider(settings(server)))))
)

/** A client of the file's server that signs in as one of nats.conf's users. It closes with the scope. */
export const clientAs = (role: NatsRole) =>
  Effect.acquireRelease(
    Effect.flatMap(Server, (server) => Effect.promise(() => connect({ ...server.as(role), noAsyncTraces: true }))),
    (nc) => Effect.promise(() => nc.close())
  )

/** Another connection to the file's server, for code that must not share the first one. It closes with the scope. */
export const another = (role: Role = "engine") =>
  Effect.map(Layer.build(Layer.fresh(connection(role))), (context) => Context.get(context, JetStream))

/** It keeps running when a test stops the clock of this process. */
const runningMs = performance.now.bind(performance)

/** Checks a condition every few milliseconds until it is true. The time limit only ends a test with a bug. */
export const until = <E = never, R = never>(what: string, holds: () => boolean | Effect.Effect<boolean, E, R>, boundMs = waitMsMax) =>
  Effect.gen(function* () {
    const endMs = runningMs() + boundMs
    while (true) {
      const answer = holds()
      if (typeof answer === "boolean" ? answer : yield* answer) return
      if (runningMs() > endMs) return yield* Effect.dieMessage(`not within ${boundMs} ms: ${what}`)
      yield* Effect.sleep(Duration.millis(5))
    }
  })

/** Runs an effect on a clock that runs very fast, so that its waits for a missing server reach their limits at once. */
export const flying = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const real = Clock.make()
    let aheadMs = 0
    const nowMs = () => real.unsafeCurrentTimeMillis() + aheadMs
    const sleep = (duration: Duration.Duration) =>
      Effect.async<void>((resume) => {
        setImmediate(() => {
          aheadMs += Duration.toMillis(duration)
          resume(Effect.void)
        })
      })
    const nowNanos = () => real.unsafeCurrentTimeNanos() + BigInt(Math.round(aheadMs * 1e6))
    const clock = Object.assign(Clock.make(), {
      unsafeCurrentTimeMillis: nowMs,
      currentTimeMillis: Effect.sync(nowMs),
      unsafeCurrentTimeNanos: nowNanos,
      currentTimeNanos: Effect.sync(nowNanos),
      sleep
    })
    return Effect.withClock(effect, clock)
  })

export type Item = Message | OrderedRead.Gap

/** Takes from a read for as long as the scope lives. */
export const collect = <E, R>(takeAll: Effect.Effect<ReadonlyArray<Item>, E, R>) =>
  Effect.gen(function* () {
    const items: Array<Item> = []
    yield* takeAll.pipe(
      Effect.map((more) => items.push(...more)),
      Effect.forever,
      Effect.forkScoped
    )
    return items
  })

export const messages = (items: ReadonlyArray<Item>): ReadonlyArray<Message> => items.filter((item) => item._tag === "Message")
export const gaps = (items: ReadonlyArray<Item>): ReadonlyArray<OrderedRead.Gap> => items.filter((item) => item._tag === "Gap")
const decoder = new TextDecoder()
export const text = ({ data }: Message): string => decoder.decode(data)
export const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)
export const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at)

/** A stream that only this test uses. `at` names a subject in it. */
export const freshStream = (config: Partial<StreamConfig> = {}) =>
  Effect.gen(function* () {
    const { jsm, publish } = yield* JetStream
    const name = `T${randomBytes(6).toString("hex")}`
    const create = Effect.promise(() => jsm.streams.add({ name, subjects: [`label.${name}.>`], ...config }))
    yield* create
    const at = (subject: string) => `label.${name}.${subject}`
    let sent = 0
    /** Publishes with acknowledgement, each message once even when the server dies meanwhile. The payload is the number of the call, from 1. */
    const put = (subject: string) =>
      Effect.suspend(() => {
        const number = ++sent
        return publish(at(subject), bytes(String(number)), { msgId: `${name}:${number}` })
      })
    const putMany = (subject: string, count: number) =>
      Effect.forEach(range(1, count), () => put(subject), { concurrency: 100, discard: true })
    const remove = Effect.promise(() => jsm.streams.delete(name))
    const consumers = Effect.promise(() => jsm.consumers.list(name).next())
    return { name, at, put, putMany, create, remove, consumers } as const
  })
