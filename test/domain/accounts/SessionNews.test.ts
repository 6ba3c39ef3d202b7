import { assert, describe, it } from "@effect/vitest"
import * as SessionNews from "../../../src/domain/accounts/SessionNews.ts"
import * as TokenLife from "../../../src/domain/accounts/TokenLife.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

const signedInMs = Date.parse("2026-08-03T09:01:00+05:30")
const diesAtMs = TokenLife.diesAtMs(shipped.documents.broker, signedInMs) ?? 0
const at = (nowMs: number, dies: number | null = diesAtMs, refusedMs: number | null = null) =>
  SessionNews.of({ accountId: "a1", signedInMs, diesAtMs: dies, refusedMs }, nowMs).map(
    ({ kind, about }) => `${kind} ${about.toISOString()}`
  )

describe("news of a session", () => {
  const login = "logged_in 2026-08-03T03:31:00.000Z"
  const soon = "expires_soon 2026-08-04T00:30:00.000Z"
  it("is the login until an hour before the token's death by the rulebook, then that it dies soon, and then its death alone", () => {
    assert.deepStrictEqual(at(signedInMs), [login])
    assert.deepStrictEqual(at(diesAtMs - TokenLife.warnBeforeMs - 1), [login])
    assert.deepStrictEqual(at(diesAtMs - TokenLife.warnBeforeMs), [login, soon])
    assert.deepStrictEqual(at(diesAtMs - 1), [login, soon])
    assert.deepStrictEqual(at(diesAtMs), ["expired 2026-08-04T00:30:00.000Z"])
  })
  it("is a refusal once, from its time on, unless it concerns an earlier login or comes after the token's death", () => {
    const noon = Date.parse("2026-08-03T12:00:00+05:30")
    const refused = ["expired 2026-08-03T03:31:00.000Z"]
    assert.deepStrictEqual(at(noon, diesAtMs, noon), refused)
    assert.deepStrictEqual(at(noon, null, noon), refused)
    assert.deepStrictEqual(at(diesAtMs + 1, diesAtMs, noon), refused)
    assert.deepStrictEqual(at(noon, diesAtMs, signedInMs - 1), [login])
    assert.deepStrictEqual(at(diesAtMs + 5, diesAtMs, diesAtMs), ["expired 2026-08-04T00:30:00.000Z"])
  })
  it("has no end if the rulebook states none", () => {
    assert.deepStrictEqual(at(diesAtMs, null), [login])
  })
  it("has a message for people that says what ends when", () => {
    const [, { message, detail } = { message: "", detail: {} }] = SessionNews.of(
      { accountId: "a1", signedInMs, diesAtMs, refusedMs: null },
      diesAtMs - 1
    )
    assert.strictEqual(message, "the session of account a1 ends at 2026-08-04T00:30:00.000Z: sign in again after that")
    assert.deepStrictEqual(detail, { token_dies_at: "2026-08-04T00:30:00.000Z" })
  })
})
