/** The callers whose rights are tested, and answers to the questions that a gateway asks the engine. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type * as Access from "../../src/domain/access/Access.ts"
import * as Asks from "../../src/streams/Asks.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import { ask, eventually, token, World } from "./GatewayWorld.ts"

export type Headers = Readonly<Record<string, string>>

export const bearer = (sub: string, role: Access.Role) =>
  Effect.map(token({ sub, role }), (jwt): Headers => ({ authorization: `Bearer ${jwt}` }))

const refused = (headers: Headers) =>
  eventually(
    "the key has ended",
    Effect.map(ask("/auth/test", { as: null, headers }), ({ status }) => status === 401)
  )

/** Makes keys of one user. A user may have 50 keys, so each test has its own maker of keys. */
export const keysOf = (as: string, role: Access.Role = "admin") => {
  const keyOf = (name: string, scopes: ReadonlyArray<string>) =>
    Effect.map(ask("/api-keys", { method: "POST", as, role, body: { name, scopes, role } }), ({ body, status }) => {
      assert.strictEqual(status, 201, JSON.stringify(body))
      return { id: Number(body.key_id), headers: { "x-api-key": String(body.key) } as Headers }
    })
  const revoke = ({ headers, id }: { readonly headers: Headers; readonly id: number }) =>
    Effect.gen(function* () {
      const { body, status } = yield* ask(`/api-keys/${id}`, { method: "DELETE", as, role })
      assert.strictEqual(status, 200, JSON.stringify(body))
      yield* refused(headers)
    })
  /** A key that has ended: its successor took its place at once. */
  const expiredKey = Effect.gen(function* () {
    const { headers, id } = yield* keyOf("expired", ["*:read", "*:write"])
    const rotated = yield* ask(`/api-keys/${id}/rotate`, { method: "POST", as, role, body: { overlap_s: 0 } })
    assert.strictEqual(rotated.status, 201, JSON.stringify(rotated.body))
    yield* refused(headers)
    return headers
  })
  /** A key that its owner has revoked. */
  const revokedKey = Effect.gen(function* () {
    const key = yield* keyOf("revoked", ["*:read", "*:write"])
    yield* revoke(key)
    return key.headers
  })
  return { keyOf, revoke, expiredKey, revokedKey } as const
}

/** Answers the questions that a gateway asks the engine. Without these answers some requests would wait. */
export const answering = Effect.gen(function* () {
  const { engine } = yield* World
  const served = [
    Asks.serve(Asks.fetchHistory, () => Effect.fail(new Error("no broker")), 4),
    Asks.serve(Asks.refreshInstruments, () => Effect.succeed({ trade_date: "2026-11-24", instruments: 7 }), 4)
  ]
  for (const one of served) yield* Effect.forkScoped(Effect.provideService(one, JetStream, engine))
  yield* Effect.promise(() => engine.nc.flush())
})
