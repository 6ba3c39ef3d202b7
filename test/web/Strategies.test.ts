import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually } from "../platform/PlatformWorld.ts"
import { picture, prepare, skip } from "./Browser.ts"
import { click, opened, shows, textOf, textsOf, undone, until } from "./PageWorld.ts"

prepare()

const names = ".strategies .name"

describe.skipIf(skip)("Strategies on the page", () => {
  it.live(
    "a strategy that is created, renamed, changed or deleted elsewhere appears, changes and disappears at once",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened()
        yield* eventually("the demo strategy", textsOf(page, names), (all) => all.includes("Demo iron condor"))
        const { body: demo } = yield* ask(running, "/strategies/1")
        const { leg_id: _, instrument_token: __, ...leg } = demo.instruments[0]
        const made = yield* ask(running, "/strategies", { method: "POST", body: { name: "Elsewhere", instruments: [leg] } })
        const path = `/strategies/${made.body.strategy_id}`
        yield* eventually("the new one", textsOf(page, names), (all) => all.includes("Elsewhere"))
        yield* click(page, `.strategies button:has-text("Elsewhere")`)
        yield* until(page, '.detail h3:has-text("Elsewhere")')
        yield* ask(running, path, { method: "PATCH", body: { name: "Renamed" } })
        yield* eventually("its new name", textOf(page, ".detail h3"), (name) => name === "Renamed")
        yield* ask(running, `${path}/instruments`, { method: "POST", body: { ...leg, direction: "SELL", entry_price: "1.05" } })
        yield* eventually("its second leg", textsOf(page, ".book .legs tbody tr"), (rows) => rows.length === 2)
        yield* ask(running, path, { method: "DELETE" })
        yield* eventually("it is gone", textsOf(page, names), (all) => all.join() === "Demo iron condor")
        yield* until(page, '.detail h3:has-text("Demo iron condor")')
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "edits lots and entry price of a leg, removes and restores one, and adds the draft's legs to a saved strategy",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened({ colorScheme: "dark" })
        const legs = Effect.map(ask(running, "/strategies/1"), ({ body }) => body.instruments as ReadonlyArray<Record<string, unknown>>)
        const first = (yield* legs)[0]
        const lots = page.locator('.book .legs input[aria-label^="Lots"]').first()
        yield* eventually(
          "a lot",
          Effect.promise(() => lots.inputValue()),
          (value) => value === "1"
        )
        // What the user types stays when the leg is changed elsewhere meanwhile.
        yield* Effect.promise(() => lots.fill("3"))
        yield* ask(running, `/strategies/1/instruments/${first?.["leg_id"]}`, { method: "PATCH", body: { entry_price: "9.05" } })
        const entry = page.locator('.book .legs input[aria-label^="Entry"]').first()
        yield* eventually(
          "the entry price from elsewhere",
          Effect.promise(() => entry.inputValue()),
          (value) => value === "9.05"
        )
        assert.strictEqual(yield* Effect.promise(() => lots.inputValue()), "3")
        yield* Effect.promise(() => lots.press("Enter"))
        yield* eventually("three lots are stored", legs, (all) => all[0]?.["quantity"] === 3 * Number(first?.["quantity"]))
        yield* Effect.promise(() => entry.fill("12.35"))
        yield* Effect.promise(() => entry.press("Enter"))
        yield* eventually("the entry price is stored", legs, (all) => all[0]?.["entry_price"] === "12.35")

        const before = new Set((yield* legs).map((leg) => leg["leg_id"]))
        yield* undone(page, ':has-text("Removed")', click(page, '.book .legs tr:nth-child(2) button[title="Remove"]'))
        const back = yield* eventually(
          "a leg less, and another one in its place",
          legs,
          (all) => all.length === 4 && all.some((leg) => !before.has(leg["leg_id"]))
        )
        assert.strictEqual(new Set(back.map((leg) => leg["tradingsymbol"])).size, 4)

        yield* click(page, "tr.atm td.call.k-ask")
        yield* Effect.promise(() => page.locator('select[aria-label="Where the legs go"]').focus())
        yield* Effect.promise(() => page.selectOption('select[aria-label="Where the legs go"]', { label: "Add to Demo iron condor" }))
        yield* click(page, 'text="Add legs"')
        yield* eventually("five legs", legs, (all) => all.length === 5)
        yield* eventually(
          "five rows with a profit",
          textsOf(page, ".book .legs tbody tr"),
          (rows) => rows.length === 5 && rows.every((row) => /[+−]?\d+\.\d\d\s+Δ/.test(row))
        )
        yield* picture(page, "legs-dark")
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "the payoff has axes with amounts, bands, a crosshair, sliders and a table; the draft survives another underlying and a reload, as does the P&L's history",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened()
        yield* click(page, "tr.atm td.call.k-bid")
        yield* click(page, "tr.atm td.put.k-bid")
        const payoff = ".ticket .payoff"
        yield* until(page, payoff)
        const count = (selector: string) => Effect.promise(() => page.locator(`${payoff} ${selector}`).count())
        yield* eventually("three amounts on the axis", count(".tick.amount"), (found) => found >= 3)
        yield* eventually("two bands", count(".band"), (found) => found === 2)
        yield* Effect.promise(() => page.locator(payoff).hover())
        yield* shows(page, ".ticket .reading", (text) => /^At [\d,.]+: [+−]?[\d,]+ at expiry, [+−]?[\d,]+ on the date$/.test(text))
        const profit = textOf(page, ".ticket .payoffbox .facts dd")
        const before = yield* profit
        yield* Effect.promise(() => page.locator(".ticket .slider input").nth(1).fill("5"))
        yield* eventually("another profit", profit, (text) => text !== before)
        yield* shows(page, ".ticket .reading", (text) => text.startsWith("At "))
        yield* click(page, ".ticket .payofftable summary")
        yield* eventually("a table of what matters", textsOf(page, ".ticket .payofftable tbody tr"), (rows) =>
          ["−2 σ", "+1 σ", "Strike", "Break-even", "Spot"].every((what) => rows.join("\n").includes(what))
        )
        yield* Effect.promise(() =>
          page
            .locator(".ticket .draft")
            .first()
            .evaluate((draft) => draft.scrollIntoView())
        )
        const scrolled = Effect.promise(() => page.evaluate("document.scrollingElement.scrollTop") as Promise<number>)
        assert.strictEqual(yield* scrolled, 0, "the side scrolls, not the page")
        yield* picture(page, "payoff-light")

        const draft = textsOf(page, ".draft .legs tbody .mono")
        const legs = yield* eventually("two legs", draft, (all) => all.length === 2)
        yield* Effect.promise(() => page.selectOption("#symbol", "BANKNIFTY"))
        yield* eventually("an empty draft", draft, (all) => all.length === 0)
        yield* Effect.promise(() => page.selectOption("#symbol", "NIFTY"))
        yield* eventually("the draft again", draft, (all) => all.join() === legs.join())

        const stored = yield* eventually("a stored minute with its P&L", ask(running, "/strategies/1/m2m"), ({ body }) =>
          body.candles.some(({ total_pnl }: { total_pnl: string | null }) => total_pnl !== null)
        )
        assert.isAtLeast(stored.body.total, 1)
        yield* Effect.promise(() => page.reload())
        yield* until(page, "tr.atm")
        yield* eventually("the draft after a reload", draft, (all) => all.join() === legs.join())
      }).pipe(Effect.scoped),
    300_000
  )
})
