import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Either, Layer, Option, TestClock } from "effect"
import * as KeyText from "../../../src/gateway/keys/KeyText.ts"
import * as StoredKeys from "../../../src/gateway/keys/StoredKeys.ts"
import { ApiKeys } from "../../../src/gateway/shared/Auth.ts"
import { ApiKeyRepo } from "../../../src/store/keys/ApiKeyRepo.ts"
import * as StoreError from "../../../src/store/StoreError.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"

/** Each look of the store goes back to this long before the previous look. */
const lookBackMs = 60_000

/** A gateway, and one stored key. The gateway hears an announcement only if the test makes one. */
const gateway = Effect.gen(function* () {
  const { stored, text } = yield* KeyText.make
  const row: ApiKeyRepo.Key = {
    ...stored,
    keyId: 7,
    owner: "u1",
    name: "notebook",
    role: "trader",
    scopes: ["strategies:read"],
    createdAt: new Date(0),
    expiresAt: new Date(864e5),
    revokedAt: null,
    replacedBy: null,
    lastUsedAt: null
  }
  const store = { row, isAway: false, reads: 0 }
  const unlessAway = <A>(value: () => A) =>
    Effect.suspend(() =>
      store.isAway ? Effect.fail(new StoreError.StoreUnavailable({ detail: "Database unavailable", cause: "away" })) : Effect.sync(value)
    )
  const repo = {
    byPublicId: () =>
      unlessAway(() => {
        store.reads++
        return Option.some(store.row)
      }),
    endedSince: (at: Date | undefined) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
        unlessAway(() => {
          const { keyId, revokedAt } = store.row
          const isRecent = revokedAt !== null && revokedAt.getTime() > (at?.getTime() ?? nowMs) - lookBackMs
          return { at: new Date(nowMs), keyIds: isRecent ? [keyId] : [] }
        })
      ),
    used: () => unlessAway(() => undefined)
  } as unknown as ApiKeyRepo
  let announce = (): void => assert.fail("nobody listens")
  const subscribe = (subject: string, { callback }: { readonly callback: (error: null) => void }) => {
    assert.strictEqual(subject, "ctl.changed.keys")
    announce = () => callback(null)
    return { unsubscribe: () => {} }
  }
  const services = Layer.merge(Layer.succeed(ApiKeyRepo, repo), Layer.succeed(JetStream, { nc: { subscribe } } as unknown as JetStream))
  const keys = Context.get(yield* Layer.build(Layer.provide(StoredKeys.layer, services)), ApiKeys)
  let changes = 0
  yield* keys.onChange(() => void changes++)
  return {
    store,
    isAccepted: Effect.map(keys.owner(text), Option.isSome),
    ask: Effect.either(keys.owner(text)),
    revoke: Effect.map(Clock.currentTimeMillis, (nowMs) => {
      store.row = { ...store.row, revokedAt: new Date(nowMs) }
    }),
    announce: () => announce(),
    changes: () => changes
  }
})

describe("The bound of a revocation", () => {
  it("is a second", () => {
    assert.isAtMost(StoredKeys.unreadMsMax, 1_000)
    assert.isBelow(StoredKeys.lookEveryMs, StoredKeys.unreadMsMax)
  })

  it.scoped("BE-SEC-03 the first request after the announcement of a revocation is refused", () =>
    Effect.gen(function* () {
      const { announce, changes, isAccepted, revoke } = yield* gateway
      assert.isTrue(yield* isAccepted)
      yield* revoke
      announce()
      assert.isFalse(yield* isAccepted)
      yield* TestClock.adjust(0)
      assert.strictEqual(changes(), 1)
      yield* TestClock.adjust(10 * StoredKeys.lookEveryMs)
      assert.strictEqual(changes(), 1) // not once more when the look finds it
    })
  )

  it.scoped(
    "BE-SEC-03 a revocation whose announcement is lost is found by the next read, and listeners that hold connections are called",
    () =>
      Effect.gen(function* () {
        const { changes, isAccepted, revoke, store } = yield* gateway
        assert.isTrue(yield* isAccepted)
        yield* TestClock.adjust(StoredKeys.lookEveryMs)
        assert.isTrue(yield* isAccepted)
        assert.strictEqual(store.reads, 1) // from memory, as long as the looks find nothing
        yield* revoke
        assert.isTrue(yield* isAccepted)
        yield* TestClock.adjust(StoredKeys.lookEveryMs)
        assert.strictEqual(changes(), 1)
        assert.isFalse(yield* isAccepted)
        yield* TestClock.adjust(10 * StoredKeys.lookEveryMs)
        assert.strictEqual(changes(), 1) // once
      })
  )

  it.scoped(
    "BE-SEC-03 a gateway that could not read revocations for a second reads the key's row at each request, and refuses the key when it cannot",
    () =>
      Effect.gen(function* () {
        const { ask, isAccepted, revoke, store } = yield* gateway
        assert.isTrue(yield* isAccepted)
        store.isAway = true
        yield* TestClock.adjust(StoredKeys.unreadMsMax - 1)
        assert.isTrue(yield* isAccepted)
        yield* TestClock.adjust(1)
        const refused = yield* ask
        assert.strictEqual(Option.getOrUndefined(Either.getLeft(refused))?._tag, "KeysUnavailable")
        yield* revoke
        store.isAway = false
        assert.isFalse(yield* isAccepted)
      })
  )

  it.scoped("BE-SEC-03 a gateway that could not read revocations for minutes then finds a key that was revoked at the beginning", () =>
    Effect.gen(function* () {
      const { changes, isAccepted, revoke, store } = yield* gateway
      assert.isTrue(yield* isAccepted)
      store.isAway = true
      yield* TestClock.adjust(StoredKeys.lookEveryMs)
      yield* revoke
      yield* TestClock.adjust(3 * lookBackMs)
      store.isAway = false
      yield* TestClock.adjust(StoredKeys.lookEveryMs)
      assert.strictEqual(changes(), 1)
      assert.isFalse(yield* isAccepted)
    })
  )
})
