import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { ask, eventually, type Running, token } from "../platform/PlatformWorld.ts"
import { prepare, skip } from "./Browser.ts"
import { click, noticed, opened, shows, state, textsOf, undone, until } from "./PageWorld.ts"
import { readable } from "./Readable.ts"

prepare()

const choose = (page: Page, label: string, value: string) =>
  Effect.promise(() => page.selectOption(`.alertfields select[aria-label="${label}"]`, value))
const fill = (page: Page, label: string, text: string) => Effect.promise(() => page.fill(`.alertfields input[aria-label="${label}"]`, text))
const states = (page: Page) => textsOf(page, ".alertlist .alertstate")
const send = '.alertfields button[type="submit"]'
interface Saved {
  readonly alert_id: number
  readonly name: string
  readonly threshold: string
  readonly status: string
  readonly on: Readonly<Record<string, unknown>>
}
const saved = (running: Running) => Effect.map(ask(running, "/alerts?limit=100"), ({ body }) => body.alerts as ReadonlyArray<Saved>)

/** Opens the form, chooses what to watch, and sets the alert. */
const set = (page: Page, source: string, value: string, condition: string, threshold: string, name = "") =>
  Effect.gen(function* () {
    yield* click(page, ".alertbox:not([open]) summary")
    yield* choose(page, "Alert on", source)
    yield* choose(page, "Value", value)
    yield* choose(page, "Condition", condition)
    yield* fill(page, "Threshold", threshold)
    yield* fill(page, "Name of the alert", name)
    yield* click(page, send)
  })

describe.skipIf(skip)("Alerts on the page", () => {
  it.live(
    "an alert is set, says at once that it fired, watches again, is paused, deleted and restored",
    () =>
      Effect.gen(function* () {
        const { page, problems, running } = yield* opened()
        yield* until(page, '.alerts .hint:has-text("No alerts yet")')
        yield* noticed(page, ':has-text("Any spot: NIFTY"):has-text("Spot is ")', set(page, "chain", "spot", "above", "1", "Any spot"))
        yield* eventually("it fired", states(page), (all) => all.join() === "Fired")
        yield* shows(page, ".alertlist small", (text) => /^NIFTY .* Spot at or above 1 · fires once · fired .* IST$/.test(text))

        yield* set(page, "chain", "straddle", "above", "9999999")
        yield* eventually("both", states(page), (all) => all.join() === "Fired,Watching")
        const focused = Effect.promise(() => page.evaluate("document.activeElement.ariaLabel") as Promise<string>)
        yield* eventually("the focus on the new one", focused, (text) => /^Pause: NIFTY .* Straddle at or above 99,99,999$/.test(text))
        yield* click(page, ".alertbox summary")
        yield* readable(page, "alerts")
        yield* click(page, ".alertbox summary")

        yield* click(page, '.alertlist button:text-is("Pause")')
        yield* eventually("paused", states(page), (all) => all.join() === "Fired,Paused")
        yield* click(page, '.alertlist button:text-is("Resume")')
        yield* eventually("resumed", states(page), (all) => all.join() === "Fired,Watching")
        const [first] = yield* textsOf(page, ".alertlist small")
        yield* click(page, '.alertlist button:text-is("Watch again")')
        yield* shows(page, ".alertlist small", (text) => text !== first && text.includes("fired"))

        const idOf = (all: ReadonlyArray<Saved>) => all.find(({ name }) => name === "Any spot")?.alert_id
        const before = idOf(yield* saved(running))
        yield* undone(page, ':has-text("Alert deleted: Any spot")', click(page, '.alertlist li:nth-child(1) button:text-is("Delete")'))
        yield* eventually("another one in its place", Effect.map(saved(running), idOf), (id) => id !== undefined && id !== before)
        yield* eventually("it fires again", states(page), (all) => all.join() === "Watching,Fired")
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "what the form sets is what the gateway has, a refusal stays in the form, and alerts of other programs fire on the page",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened({ colorScheme: "dark" })
        yield* until(page, '.strategies button:has-text("Demo iron condor")')
        yield* set(page, "instrument", "iv", "crosses_above", "99.5", "Wild")
        yield* eventually("one", states(page), (all) => all.length === 1)
        yield* set(page, "strategy", "total_pnl", "below", "-99999999.5")
        yield* eventually("two", states(page), (all) => all.length === 2)
        yield* shows(page, ".alertlist li:nth-child(2) .name", (text) => text === "Demo iron condor P&L at or below −9,99,99,999.5")
        yield* set(page, "feed", "silent_s", "above", "86000")
        yield* eventually("three", states(page), (all) => all.length === 3)
        const alerts = yield* saved(running)
        assert.deepStrictEqual(
          alerts.map(({ threshold }) => threshold),
          ["0.995", "-99999999.5", "86000"]
        )
        assert.deepInclude(alerts[0]?.on, { source: "instrument", tradingsymbol: "NIFTY 50", field: "iv" })
        assert.deepStrictEqual(alerts[1]?.on, { source: "strategy", strategy_id: 1, field: "total_pnl" })
        assert.deepStrictEqual(alerts[2]?.on, { source: "feed", account_id: "sim1", field: "silent_s" })

        yield* click(page, ".alertbox summary")
        yield* choose(page, "Alert on", "instrument")
        yield* fill(page, "Instrument", "NOSUCH")
        yield* fill(page, "Threshold", "1")
        yield* click(page, send)
        yield* shows(page, ".alertfields .problem", (text) => text === "Symbol not found")
        assert.strictEqual(yield* Effect.promise(() => page.inputValue('.alertfields input[aria-label="Threshold"]')), "1")
        yield* fill(page, "Instrument", "NIFT")
        const proposals = Effect.promise(() => page.locator(".alertfields datalist option").count())
        yield* eventually("symbols that begin so", proposals, (count) => count > 0)

        const on = { source: "instrument", symbol: "NIFTY", field: "last_price" }
        const body = { name: "Elsewhere", on, condition: "above", threshold: "1" }
        yield* noticed(page, ':has-text("Elsewhere: NIFTY 50 Last price is ")', ask(running, "/alerts", { method: "POST", body }))
        yield* eventually("it is in the list", textsOf(page, ".alertlist .name"), (all) => all.at(-1) === "Elsewhere")

        const viewer = yield* token("demo", "viewer")
        yield* Effect.promise(() => page.goto(`${running.url}/?viewer#token=${viewer}`))
        yield* state(page, "live")
        yield* eventually("a viewer sees them", states(page), (all) => all.length === 4)
        for (const hidden of [".alertbox", ".alertlist button"])
          assert.strictEqual(yield* Effect.promise(() => page.locator(`${hidden}:visible`).count()), 0, hidden)
      }).pipe(Effect.scoped),
    300_000
  )
})
