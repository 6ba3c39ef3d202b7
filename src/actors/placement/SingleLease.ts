import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { Context, Duration, Effect, Either, Option, Schema } from "effect"
import { JetStream, NatsError } from "../../streams/JetStream.ts"
import * as LeaseBucket from "../../streams/LeaseBucket.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as Subject from "../../streams/Subject.ts"
import type { Lease } from "../runtime/Leases.ts"
import type * as ActorGroups from "./ActorGroups.ts"

/** A process that runs all actors of a group. `epoch` is the revision of its first write; 0 in that write, whose revision is not known yet. */
const Holder = Schema.Struct({ id: Schema.String, host: Schema.String, pid: Schema.Int, epoch: Schema.Int })
type Holder = typeof Holder.Type
const decode = Schema.decodeUnknownEither(Schema.parseJson(Holder))
const encode = Schema.encodeSync(Schema.parseJson(Holder))

/** How often a key is refreshed within its life. */
const refreshesPerLife = 5

/** Ends this process as SIGTERM does, when another process has taken over its actors. */
export class EndProcess extends Context.Reference<EndProcess>()("actors/placement/EndProcess", {
  defaultValue: () => Effect.sync(() => void process.kill(process.pid, "SIGTERM"))
}) {}

const keyOf = (group: ActorGroups.Name) => Subject.kvKey("single", group)

/** The processes that run all actors of a group now, as "host (process 1)". One that was killed is forgotten within PLACEMENT_TTL. */
export const holders = (nc: LeaseBucket.LeaseConnection, kv: LeaseBucket.LeaseBucket, timeoutMs?: number) =>
  Effect.gen(function* () {
    const { read } = LeaseBucket.keysOf(kv, Holder)
    const found = yield* Effect.forEach(yield* LeaseBucket.keysLike(nc, "single.*", timeoutMs), read)
    return found.flatMap((entry) =>
      Option.toArray(Option.flatMap(entry, ({ value }) => value)).map(({ host, pid }) => `${host} (process ${pid})`)
    )
  })

/**
 * The lease of a single process on all actors of a group. `endProcess` runs when the lease is lost. The newest process has the lease: when
 * it starts it writes its key; the previous process sees the write, loses its lease and ends. The epoch is the revision of the first write,
 * so it grows from process to process.
 */
export const make = (group: ActorGroups.Name, endProcess: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { isConnected, js, nc } = yield* JetStream
    const kv = yield* LeaseBucket.open(js)
    const refreshMs = (yield* LeaseBucket.ttlMs) / refreshesPerLife
    const key = keyOf(group)
    const me = { id: randomUUID(), host: hostname(), pid: process.pid }
    const put = (value: Holder) =>
      Effect.tryPromise({
        try: () => kv.put(key, encode(value)),
        catch: (cause) => new NatsError({ op: `take an epoch (bucket ${LeaseBucket.bucket})`, cause })
      })
    let isHeld = true
    const epoch = yield* put({ ...me, epoch: 0 })
    const replacedBy = (other: Holder) =>
      Effect.gen(function* () {
        if (!isHeld) return
        isHeld = false
        yield* Effect.logFatal(
          `${other.host} (process ${other.pid}) runs the actors of ${group} now, ending this process. Several processes need PLACEMENT=cluster.`
        )
        yield* endProcess
      })
    // A first write has epoch 0, because its revision is not known yet. Such a process started later than this one, whose first write came
    // before this subscription.
    const isNewer = (other: Holder) => other.id !== me.id && (other.epoch === 0 || other.epoch > epoch)
    const runFork = yield* Effect.map(
      Effect.runtime(),
      (runtime) =>
        <A>(effect: Effect.Effect<A>) =>
          void Effect.runFork(Effect.provide(effect, runtime))
    )
    yield* LiveMessages.listen(nc, `$KV.${LeaseBucket.bucket}.${key}`, (message) => {
      const read = decode(message.string())
      if (Either.isRight(read) && isNewer(read.right)) runFork(replacedBy(read.right))
    })
    // While NATS is away nobody else can take the key either.
    const refresh = Effect.suspend(() => (isHeld ? Effect.ignore(put({ ...me, epoch })) : Effect.void))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(refresh, Duration.millis(refreshMs))))
    yield* refresh
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        const wasHeld = isHeld
        isHeld = false
        // If NATS is away, the key expires by itself within PLACEMENT_TTL.
        return wasHeld && isConnected() ? Effect.ignore(Effect.tryPromise(() => kv.purge(key))) : Effect.void
      })
    )
    return { epoch, isHeld: () => isHeld } satisfies Lease
  })
