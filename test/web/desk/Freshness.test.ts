import { assert, describe, it } from "@effect/vitest"
import * as Freshness from "../../../web/src/desk/Freshness.ts"

describe("Freshness", () => {
  const known: Freshness.Known = {
    isConnected: true,
    health: "ok",
    mode: "live",
    state: "running",
    quoteMs: 100_000,
    asOfMs: 100_500,
    silentMs: 250
  }

  it("ages with market time and, with a real clock, with the time since the last message", () => {
    assert.strictEqual(Freshness.ageMs(known), 750)
    assert.strictEqual(Freshness.ageMs({ ...known, mode: "recorded" }), 500)
    assert.strictEqual(Freshness.ageMs({ ...known, quoteMs: undefined }), undefined)
  })

  it.each<[string, Partial<Freshness.Known>, Freshness.Freshness]>([
    ["fresh quotes", {}, "live"],
    ["a mute feed whose clock goes on", { asOfMs: 110_001 }, "stale"],
    ["a gateway that says nothing", { silentMs: 12_001 }, "stale"],
    ["the same of a recording, which has a quote a minute", { mode: "recorded", asOfMs: 170_000 }, "live"],
    ["a recording that has stopped", { mode: "recorded", asOfMs: 230_000 }, "stale"],
    ["a recording that ended", { state: "ended", asOfMs: 900_000 }, "ended"],
    ["a live market after its close", { state: "closed", asOfMs: 900_000 }, "closed"],
    ["a platform that says it is down, whatever the quotes", { health: "down" }, "down"],
    ["a platform that says a part of it is down", { health: "degraded" }, "degraded"],
    ["a mute feed of a degraded platform", { health: "degraded", asOfMs: 110_001 }, "stale"],
    ["no connection, whatever the quotes", { isConnected: false }, "away"],
    ["nothing yet", { quoteMs: undefined, asOfMs: undefined }, "waiting"]
  ])("%s", (_, change, wanted) => {
    assert.strictEqual(Freshness.of({ ...known, ...change }), wanted)
  })
})
