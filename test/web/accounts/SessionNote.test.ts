import { assert, describe, it } from "@effect/vitest"
import * as SessionNote from "../../../web/src/accounts/SessionNote.ts"
import type { Account } from "../../../web/src/gateway/Contract.ts"

const nowMs = Date.parse("2026-11-24T00:00:00Z")
const session = { state: "signed_in", is_automatic: false, token_dies_at: null, required_since: null, detail: null } as const
const note = (more: Partial<Account>) => SessionNote.of({ session, origin: "linked", login_failure: null, ...more } as Account, nowMs)
const dies = (minutes: number, is_automatic = false) =>
  note({ session: { ...session, is_automatic, token_dies_at: new Date(nowMs + minutes * 60_000).toISOString() } })

describe("SessionNote", () => {
  it("says nothing until an hour before the end, then counts the minutes, and then says that it has ended", () => {
    assert.strictEqual(note({}), undefined)
    assert.strictEqual(dies(61), undefined)
    const text = "The session with the broker ends at 06:30 IST, in 60 min"
    assert.deepStrictEqual(dies(60), { text, kind: "ends", hasLogin: true })
    assert.match(dies(0.5)?.text ?? "", /in 1 min$/)
    assert.deepInclude(dies(0), { kind: "away", hasLogin: true })
    assert.strictEqual(dies(5, true), undefined)
  })

  it("an account without a session needs a login, one of which nothing is known says nothing, and a failed login says why", () => {
    const out = { ...session, state: "signed_out" } as const
    assert.deepStrictEqual(note({ session: out }), { text: "Not signed in at the broker", kind: "away", hasLogin: true })
    assert.strictEqual(note({ session: null }), undefined)
    const required = { ...session, state: "login_required", detail: "the token expired" } as const
    assert.strictEqual(note({ session: required })?.text, "Not signed in at the broker: the token expired")
    assert.strictEqual(note({ session: required, login_failure: "wrong secret" })?.text, "Not signed in at the broker: wrong secret")
    assert.deepInclude(note({ session: { ...required, is_automatic: true } }), { hasLogin: false, kind: "away" })
  })
})
