import { assert, describe, it } from "@effect/vitest"
import * as Access from "../../../src/domain/access/Access.ts"

const signedIn = (role: Access.Role): Access.Holder => ({ role, key: null })
const key = (role: Access.Role, ...scopes: ReadonlyArray<string>): Access.Holder => ({ role, key: { scopes } })
const refused = (holder: Access.Holder, method: string, path: string) => Access.refusalOf(holder, Access.needOf(method, path))

describe("Access", () => {
  it("reads a token's role; an unknown role counts as trader", () => {
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
    const need = (method: string, path: string) => {
      const { group, verb } = Access.needOf(method, path)
      return `${group}:${verb}`
    }
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
  it("names the least role of a request, and the scope that a key needs for it", () => {
    const role = (method: string, path: string) => Access.needOf(method, path).role
    assert.strictEqual(role("GET", "/strategies/1"), "viewer")
    assert.strictEqual(role("POST", "/fo/payoff"), "viewer")
    assert.strictEqual(role("POST", "/accounts/a/kill"), "trader")
    for (const [method, path] of [
      ["POST", "/kill"],
      ["PUT", "/settlements"],
      ["PUT", "/calendar/holidays/7"],
      ["DELETE", "/calendar/corporate-actions/7"],
      ["GET", "/calendar/holidays/changes"]
    ] as const) {
      assert.strictEqual(role(method, path), "admin", path)
      assert.strictEqual(refused(signedIn("trader"), method, path), "needs the role admin")
      assert.strictEqual(refused(key("trader", "*:read", "*:write"), method, path), "needs the role admin")
      assert.isUndefined(refused(signedIn("admin"), method, path))
    }
    const scopes = (path: string) => Access.keyScopes(Access.needOf("GET", path))
    assert.deepStrictEqual([scopes("/strategies"), scopes("/auth/test"), scopes("/api-keys")], [["strategies:read"], [], undefined])
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
    // The limits of a strategy decide which orders are sent.
    for (const path of ["/strategies/1/limits", "/strategies/1/limits/release"])
      assert.strictEqual(refused(key("trader", "strategies:write"), "POST", path), "needs the scope orders:write")
  })
})
