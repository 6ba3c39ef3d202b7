import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { Login } from "../../../src/broker/Account.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as Sessions from "../../../src/gateway/accounts/Sessions.ts"

const ist = (text: string) => Date.parse(`${text}:00+05:30`)
const token = (signedInMs: number | null) => Login.AccessToken({ accessToken: Redacted.make("token"), signedInMs })
const at = (login: Login, text: string) => Sessions.byLogin(login, shipped.documents.broker, ist(text))

describe("The session of an account that streams nothing", () => {
  it("is signed out before the first login", () => {
    assert.deepInclude(at(Login.Absent(), "2026-08-04T10:00"), { state: "signed_out", is_automatic: false, token_dies_at: null })
  })

  it("is signed in from a person's login until the token dies at six, and then requires a login since six", () => {
    const login = token(ist("2026-08-04T08:30"))
    const six = "2026-08-05T00:30:00.000Z"
    assert.deepInclude(at(login, "2026-08-04T23:00"), { state: "signed_in", is_automatic: false, token_dies_at: six })
    assert.deepInclude(at(login, "2026-08-05T05:59"), { state: "signed_in", token_dies_at: six })
    assert.deepInclude(at(login, "2026-08-05T06:00"), { state: "login_required", token_dies_at: null, required_since: six })
  })

  it("is unknown for a token of unknown age, and for an account that signs in by itself", () => {
    assert.isNull(at(token(null), "2026-08-04T10:00"))
    assert.isNull(at(Login.Auto(), "2026-08-04T10:00"))
  })
})
