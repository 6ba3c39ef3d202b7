import { assert, describe, it } from "@effect/vitest"
import { FastCheck, Redacted } from "effect"
import { excerpt, excerptCharsMax, redact } from "../../src/broker/Redaction.ts"

describe("Redaction", () => {
  it.each([
    [
      "a socket's address",
      "wss://ws.kite.trade/?api_key=KKKK1234&access_token=TTTT1234&uid=7",
      "wss://ws.kite.trade/?api_key=<redacted>&access_token=<redacted>&uid=7"
    ],
    ["a header", "Authorization: token KKKK1234:TTTT1234", "Authorization: <redacted>"],
    [
      "JSON",
      '{"status":"success","data":{"access_token":"TTTT1234","user_id":"AB1234"}}',
      '{"status":"success","data":{"access_token":"<redacted>","user_id":"AB1234"}}'
    ],
    ["a form", "api_key=KKKK1234&request_token=RRRR1234&checksum=cccc", "api_key=<redacted>&request_token=<redacted>&checksum=<redacted>"],
    ["harmless text", "Incorrect `api_key` or `access_token`.", "Incorrect `api_key` or `access_token`."]
  ])("hides by name: %s", (_, text, expected) => {
    assert.strictEqual(redact(text), expected)
  })

  it.prop(
    "removes a known secret wherever and however often it occurs",
    [
      FastCheck.array(FastCheck.string({ maxLength: 60 }), { minLength: 2, maxLength: 12 }),
      FastCheck.hexaString({ minLength: 16, maxLength: 32 })
    ],
    ([parts, secret]) => {
      const clean = excerpt(parts.join(secret), [Redacted.make(secret)])
      assert.isFalse(clean.includes(secret))
    }
  )

  it("an excerpt has a bounded length, states the full length, and keeps no part of a secret at its cut", () => {
    const secret = "SECRET0123456789"
    const long = `${"x".repeat(excerptCharsMax - 4)}${secret}${"y".repeat(10_000)}`
    const clean = excerpt(long, [Redacted.make(secret)])
    assert.isBelow(clean.length, excerptCharsMax + 40)
    assert.match(clean, /\(10212 characters\)$/)
    assert.notInclude(clean, "SECR")
  })

  it("an excerpt contains no line ends, so it cannot forge a log line", () => {
    assert.strictEqual(excerpt("a\r\n\u0000b"), "a b")
  })
})
