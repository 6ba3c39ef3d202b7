import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "../platform/PlatformWorld.ts"
import { picture, prepare, skip } from "./Browser.ts"
import { hidden, opened, openedAfterTheEnd, shows, state, textOf, textsOf } from "./PageWorld.ts"

prepare()

describe.skipIf(skip)("Desk", () => {
  it.live(
    "names the market, shows day changes and the chain's values, and turns red with the reason within 3 s of learning that NATS is away",
    () =>
      Effect.gen(function* () {
        const { page, platform } = yield* opened()
        assert.strictEqual(yield* textOf(page, ".badge"), "SIMULATED")
        assert.strictEqual(yield* Effect.promise(() => page.locator(".badge").getAttribute("data-kind")), "simulated")
        const change = /^[+−]?\d[\d.,]* \([+−]?\d+\.\d\d%\)$/
        yield* eventually("the spot's day change", textOf(page, ".spotchange"), (text) => change.test(text))
        yield* eventually("day changes of options", textsOf(page, ".chain td.k-day"), (texts) => texts.some((text) => /[1-9]/.test(text)))
        const wanted = ["ATM IV \\d+\\.\\d\\d", "Expiry (today|1 day|\\d+ days)", "Lot \\d+", "Change since (first seen|last session)"]
        yield* eventually("volatility, days, lot size and reference of the chain", textsOf(page, ".chainpanel .facts > div"), (facts) =>
          wanted.every((text) => facts.some((fact) => new RegExp(`^${text}$`).test(fact.replace(/\s+/g, " "))))
        )

        // The page records its own time when it learns of the outage and when its light changes. That time stops while the page does.
        yield* Effect.promise(() =>
          page.evaluate(`
            globalThis.times = { pageMs: 0 }
            setInterval(() => void (times.pageMs += 50), 50)
            const ask = globalThis.fetch
            globalThis.fetch = async (...request) => {
              const answer = await ask(...request)
              if (String(request[0]?.url ?? request[0]).endsWith("/health") && answer.status === 503) times.heardMs ??= times.pageMs
              return answer
            }
            const status = document.querySelector(".status")
            new MutationObserver(() => {
              if (status.dataset.freshness === "down") times.shownMs ??= times.pageMs
            }).observe(status, { attributes: true })`)
        )
        yield* Effect.promise(() => platform.nats.stop())
        yield* state(page, "down")
        yield* shows(page, ".banner", (text) => text.includes("The platform is not working: NATS is down"))
        const { heardMs, shownMs } = yield* Effect.promise(
          () => page.evaluate("times") as Promise<{ readonly heardMs: number; readonly shownMs: number }>
        )
        assert.isAtMost(shownMs - heardMs, 3_000)
        yield* picture(page, "nats-away")
        yield* Effect.promise(() => platform.nats.start())
        yield* state(page, "live")
        yield* hidden(page, ".banner")
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "opened after the end of a recording it shows the badge, the spot, legs and deltas of the last state, and their time",
    () =>
      Effect.gen(function* () {
        const { page } = yield* openedAfterTheEnd
        assert.strictEqual(yield* textOf(page, ".badge"), "RECORDED 19 Aug 2026 · as fast as it can · ended")
        yield* eventually("the spot", textOf(page, ".spotprice"), (text) => text === "24,065.75")
        yield* eventually(
          "prices of the legs",
          textsOf(page, ".book .legs tbody tr"),
          (rows) => rows.length === 4 && rows.every((row) => /\d+\.\d\d\s+12:0\d/.test(row) && /Δ −?\d/.test(row))
        )
        yield* shows(page, ".banner", (text) => /The playback has ended: the last values, from 19 Aug 12:0\d:\d\d IST/.test(text))
        yield* picture(page, "after-the-close")
      }).pipe(Effect.scoped),
    300_000
  )
})
