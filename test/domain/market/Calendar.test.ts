import { assert, describe, it } from "@effect/vitest"
import * as Calendar from "../../../src/domain/market/Calendar.ts"

const at = (text: string) => Calendar.isSession(Date.parse(text))

describe("Calendar", () => {
  it("BE-DAT-02 the session is a weekday's 09:15 to 15:30 in India, whatever the machine's zone", () => {
    assert.isFalse(at("2026-11-23T03:44:59.999Z"))
    assert.isTrue(at("2026-11-23T03:45:00Z"))
    assert.isTrue(at("2026-11-23T09:59:59.999Z"))
    assert.isFalse(at("2026-11-23T10:00:00Z"))
  })
  it("a weekend has no session, by India's date", () => {
    assert.isFalse(at("2026-11-21T05:00:00Z"))
    assert.isFalse(at("2026-11-22T05:00:00Z"))
    assert.isFalse(at("2026-11-22T20:00:00Z")) // Monday in India already, before the open
  })
})
