import { assert, describe, it } from "@effect/vitest"
import * as TokenLife from "../../../src/domain/accounts/TokenLife.ts"
import type { SessionStatus } from "../../../src/domain/market/TickerStatus.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

const at = (text: string) => Date.parse(`${text}+05:30`)
const dies = (text: string, rules: Parameters<typeof TokenLife.diesAtMs>[0] = shipped.documents.broker) =>
  TokenLife.diesAtMs(rules, at(text))
const origin = { source: ["test"], confidence: 1 as const }

describe("TokenLife", () => {
  it("a token dies at the next six o'clock of India after its login, on every day of the week", () => {
    assert.strictEqual(dies("2026-08-03T09:00:00"), at("2026-08-04T06:00:00"))
    assert.strictEqual(dies("2026-08-07T23:59:59"), at("2026-08-08T06:00:00"))
    assert.strictEqual(dies("2026-08-08T00:00:00"), at("2026-08-08T06:00:00"))
    assert.strictEqual(dies("2026-08-08T05:59:59"), at("2026-08-08T06:00:00"))
    assert.strictEqual(dies("2026-08-08T06:00:00"), at("2026-08-09T06:00:00"))
  })

  it("the rulebook's row of the day decides, and a day without a row has no death", () => {
    const rules = {
      tokenDeath: [
        { ...origin, from: null, to: "2026-08-04", time: "06:00" },
        { ...origin, from: "2026-08-05", to: "2026-08-05", time: "07:30" }
      ]
    }
    assert.strictEqual(dies("2026-08-03T09:00:00", rules), at("2026-08-04T06:00:00"))
    assert.strictEqual(dies("2026-08-04T09:00:00", rules), at("2026-08-05T07:30:00"))
    assert.strictEqual(dies("2026-08-05T06:30:00", rules), at("2026-08-05T07:30:00"))
    assert.isNull(dies("2026-08-05T09:00:00", rules))
  })

  it("a person is asked from an hour before, and an automatic login never unless it was refused", () => {
    const session = {
      state: "signed_in",
      is_automatic: false,
      token_dies_at: "2026-08-04T00:30:00.000Z",
      required_since: null,
      detail: null
    } as const
    const request = (text: string, more: Partial<SessionStatus> = {}) => TokenLife.requestOf("K1", { ...session, ...more }, at(text))
    assert.isNull(request("2026-08-04T04:59:59"))
    assert.match(
      request("2026-08-04T05:00:00") ?? "",
      /^the token of account K1 dies at 2026-08-04T00:30:00.000Z: sign in again after that$/
    )
    assert.isNull(request("2026-08-04T05:30:00", { is_automatic: true }))
    assert.isNull(request("2026-08-04T05:30:00", { state: "signed_out", token_dies_at: null }))
    const refused = { state: "login_required", is_automatic: true, token_dies_at: null, detail: "wrong api_secret" } as const
    assert.strictEqual(request("2026-08-04T05:30:00", refused), "account K1 needs a new login: wrong api_secret")
  })
})
