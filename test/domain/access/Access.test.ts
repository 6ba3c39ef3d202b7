import { assert, describe, it } from "@effect/vitest"
import * as Access from "../../../src/domain/access/Access.ts"

const signedIn = (role: Access.Role): Access.Holder => ({ role, key: null })
const key = (role: Access.Role, ...scopes: ReadonlyArray<string>): Access.Holder => ({ role, key: { scopes } })
const refused = (holder: Access.Holder, method: string, path: string) => Access.refusalOf(holder, Access.needOf(method, path))

describe("Access", () => {
  it("reads a token's role; one that is not ours is a trader's", () => {
    assert.deepStrictEqual(["admin", "viewer", "trader", "user", undefined, 7].map(Access.roleOf), [
      "admin",
      "viewer",
      "trader",
      "trader",
      "trader",
      "trader"
    ])
  })
  it("names the group and the verb of a request", () => {
    const need = (method: string, path: string) => Object.values(Access.needOf(method, path)).join(":")
    assert.strictEqual(need("GET", "/strategies/1/m2m"), "strategies:read")
    assert.strictEqual(need("PATCH", "/strategies/1"), "strategies:write")
    assert.strictEqual(need("POST", "/fo/payoff"), "fo:read")
    assert.strictEqual(need("POST", "/orders"), "orders:write")
    assert.strictEqual(need("POST", "/kill/release"), "accounts:write")
    assert.strictEqual(need("GET", "/timescale_marks"), "labels:read")
    assert.strictEqual(need("GET", "/ws/ticks"), "ticks:read")
    assert.strictEqual(need("GET", "/indicators/stream"), "indicators:write")
    assert.strictEqual(need("GET", "/indicators/stream/session"), "indicators:read")
  })
  it("lets a viewer read and compute, and change nothing", () => {
    assert.isUndefined(refused(signedIn("viewer"), "GET", "/orders/tasks"))
    assert.isUndefined(refused(signedIn("viewer"), "POST", "/fo/payoff"))
    assert.strictEqual(refused(signedIn("viewer"), "POST", "/orders"), "needs the role trader")
    assert.isUndefined(refused(signedIn("trader"), "POST", "/orders"))
  })
  it("lets a key do what its scopes name, and never more than its role or manage keys", () => {
    assert.isUndefined(refused(key("trader", "strategies:read"), "GET", "/strategies"))
    assert.strictEqual(refused(key("trader", "strategies:read"), "POST", "/strategies"), "needs the scope strategies:write")
    assert.strictEqual(refused(key("trader", "strategies:write"), "GET", "/strategies"), "needs the scope strategies:read")
    assert.isUndefined(refused(key("trader", "*:write"), "DELETE", "/labels/1"))
    assert.strictEqual(refused(key("viewer", "*:write"), "DELETE", "/labels/1"), "needs the role trader")
    assert.match(refused(key("admin", "*:read", "*:write", "api-keys:read"), "GET", "/api-keys") ?? "", /needs a sign-in/)
    assert.isUndefined(refused(key("viewer"), "GET", "/auth/test"))
  })
})
