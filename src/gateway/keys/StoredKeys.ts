import { createHmac, randomBytes } from "node:crypto"
import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { User } from "../../contract/shared/Authentication.ts"
import { BoundedMap } from "../../domain/BoundedMap.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { ApiKeyRepo } from "../../store/keys/ApiKeyRepo.ts"
import type { StoreError } from "../../store/StoreError.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { ApiKeys, KeysUnavailable } from "../shared/Auth.ts"
import * as Metrics from "../shared/Metrics.ts"
import * as KeyText from "./KeyText.ts"

/** How many keys this process remembers as proven, and how many as wrong. It forgets the oldest first. */
export const rememberedMax = 10_000
/** How many hashes run at the same time. Each needs a thread and 16 MB for about 30 ms. */
const hashesMax = 2
/** Pause between two looks for keys that have ended. A look finds them even if the announcement was lost. */
export const lookEveryMs = 500
/** A proven key is accepted without Postgres for at most this long after the last look or read of its row. A revoked key is refused within it. */
export const unreadMsMax = 1_000

/** A key whose secret was checked, with its row as it was read in `generation`. `readAtMs` is steady time: a step of the machine's clock must not keep a revoked key alive. */
interface Proven {
  readonly row: ApiKeyRepo.Key
  readonly readAtMs: number
  readonly generation: number
}

const away = (cause: StoreError) =>
  Effect.zipRight(Effect.logWarning("API keys cannot be read", cause), Effect.fail(new KeysUnavailable({ cause })))

const userOf = ({ expiresAt, keyId, owner, role, scopes }: ApiKeyRepo.Key): User =>
  new User({ id: owner, email: null, name: null, role, expiresAtMs: expiresAt.getTime(), key: { id: keyId, scopes } })

/**
 * Checks API keys against Postgres. A process hashes a secret once. It recognises later requests with the same text by a keyed hash, and
 * only this process has that hash's key. Each change of a key is announced, and then every gateway reads the rows again. An announcement can get
 * lost, so each gateway also looks twice a second which keys have ended. If no look succeeded for a second, each request reads its key's row.
 */
export const layer = Layer.scoped(
  ApiKeys,
  Effect.gen(function* () {
    const repo = yield* ApiKeyRepo
    const { nc } = yield* JetStream
    const hashing = yield* Effect.makeSemaphore(hashesMax)
    const ownKey = randomBytes(32)
    const proven = new BoundedMap<string, Proven>(rememberedMax)
    const wrong = new BoundedMap<string, true>(rememberedMax)
    const listeners = new Set<() => void>()
    let generation = 0
    const announced = yield* Effect.makeLatch(false)

    yield* LiveMessages.listen(nc, Subjects.Changed.at({ what: "keys" }), () => {
      generation++
      announced.unsafeOpen()
    })
    let lookedAtMs = Number.NEGATIVE_INFINITY
    let last: ApiKeyRepo.Ends | undefined
    /** Looks for ended keys. True if one has ended since the previous look, however long ago that was. */
    const look = Effect.gen(function* () {
      const beganMs = yield* SteadyTime.nowMs
      const found = yield* repo.endedSince(last?.at)
      const isNews = found.keyIds.some((keyId) => last?.keyIds.includes(keyId) !== true)
      last = found
      lookedAtMs = beganMs
      if (isNews) generation++
      return isNews
    })
    // A failed look needs no warning: without looks each request reads its key's row, and reports if it cannot.
    const isNews = Effect.catchAllCause(look, (cause) => Effect.as(Effect.logDebug("ends of API keys not read", cause), false))
    yield* Effect.gen(function* () {
      let wasAnnounced = false
      while (true) {
        if ((yield* isNews) || wasAnnounced) for (const listener of listeners) listener()
        wasAnnounced = Option.isSome(yield* Effect.timeoutOption(announced.await, lookEveryMs))
        yield* announced.close
      }
    }).pipe(Effect.forkScoped)
    const nameOf = (text: string): string => createHmac("sha256", ownKey).update(text).digest("base64")
    const isFresh = (known: Proven, atMs: number): boolean =>
      known.generation === generation && atMs - Math.max(known.readAtMs, lookedAtMs) < unreadMsMax

    /** The row of a key, if the secret is right. */
    const read = (text: string, parts: KeyText.Parts, name: string, known: Proven | undefined, atMs: number) =>
      Effect.gen(function* () {
        // If a change was announced during the read, the row may be outdated.
        const readIn = generation
        const found = Option.getOrUndefined(yield* Effect.catchAll(repo.byPublicId(parts.publicId), away))
        const isProven = found !== undefined && known?.row.hash === found.hash
        const isRight = isProven || (found !== undefined && (yield* hashing.withPermits(1)(KeyText.proves(parts.secret, found))))
        Metrics.apiKeyChecks(isProven ? "read" : isRight ? "hashed" : "wrong")
        if (found === undefined || !isRight) {
          wrong.renew(nameOf(text), true)
          return undefined
        }
        proven.renew(name, { row: found, readAtMs: atMs, generation: readIn })
        yield* Effect.catchAll(repo.used(found.keyId), (error) => Effect.logWarning("use of a key not noted", error))
        return found
      })
    return ApiKeys.of({
      owner: (key) =>
        Effect.gen(function* () {
          const text = Redacted.value(key)
          const parts = KeyText.parse(text)
          if (parts === undefined) return Option.none()
          const name = nameOf(text)
          if (wrong.has(name)) return Option.none()
          const nowMs = yield* Clock.currentTimeMillis
          const atMs = yield* SteadyTime.nowMs
          const known = proven.get(name)
          const row = known !== undefined && isFresh(known, atMs) ? known.row : yield* read(text, parts, name, known, atMs)
          return row !== undefined && row.revokedAt === null && row.expiresAt.getTime() > nowMs ? Option.some(userOf(row)) : Option.none()
        }),
      alive: (keyIds) => Effect.catchAll(repo.alive(keyIds), away),
      onChange: (listener) =>
        Effect.acquireRelease(
          Effect.sync(() => void listeners.add(listener)),
          () => Effect.sync(() => listeners.delete(listener))
        )
    })
  })
)
