/** A walk through everything that a newcomer meets on the page. `readable` looks at each stop in every colour and size, with a picture. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { ask, eventually, type Running, start, world } from "../platform/PlatformWorld.ts"
import { built, prepare, skip, tab } from "./Browser.ts"
import { click, opened, openedAfterTheEnd, press, shows, state, textOf, textsOf, undone, until, visit } from "./PageWorld.ts"
import { readable } from "./Readable.ts"

prepare()

const walkMsMax = 600_000
const fill = (page: Page, selector: string, text: string) => Effect.promise(() => page.fill(selector, text))
const choose = (page: Page, selector: string, value: string) => Effect.promise(() => page.selectOption(selector, value))

/** The colour of the bars of open interest on a side: its red and its green. */
const barOf = (page: Page, side: "call" | "put") =>
  Effect.promise(async () => {
    const image = `getComputedStyle(document.querySelector(".chain td.${side}.k-oi")).backgroundImage`
    const [red = 0, green = 0] = ((await page.evaluate(image)) as string).match(/\d+/g)?.map(Number) ?? []
    return { red, green }
  })

/** The market's badge and calendar, and the head of the chain. */
const seeTheMarket = (page: Page) =>
  Effect.gen(function* () {
    yield* shows(page, ".badge", (text) => text === "SIMULATED")
    yield* shows(page, ".spotchange", (text) => /%\)$/.test(text))
    const heads = yield* textsOf(page, ".chainpanel .facts dt")
    assert.includeMembers([...heads], ["ATM IV", "Expiry", "Lot", "Change since"])
    const [call, put] = [yield* barOf(page, "call"), yield* barOf(page, "put")]
    assert.isAbove(call.red, call.green, "calls are red")
    assert.isAbove(put.green, put.red, "puts are green")
    yield* readable(page, "walk 01 market and chain")
    yield* click(page, ".badge")
    yield* until(page, '.calendar dt:has-text("Opens next")')
    yield* readable(page, "walk 02 hours of the exchange")
    yield* press(page, "Escape")
  })

/** The search box, an unstreamed expiry, and another underlying. Returns the expiry that is shown in the end. */
const stream = (page: Page, expiry: string) =>
  Effect.gen(function* () {
    yield* fill(page, ".search input", "BANKNIFTY")
    yield* until(page, '.search li button:has-text("Add underlying")')
    yield* readable(page, "walk 03 search")
    yield* click(page, '.search li button:has-text("Add underlying")')
    yield* eventually(
      "the new underlying",
      Effect.promise(async () => [await page.locator("#symbol").inputValue(), await page.locator(".notice").first().innerText()]),
      ([symbol]) => symbol === "BANKNIFTY"
    )
    yield* until(page, "tr.atm")
    yield* choose(page, "#symbol", "NIFTY")
    yield* choose(page, "#expiry", expiry)
    yield* until(page, 'main button:has-text("Stream this expiry")')
    yield* readable(page, "walk 04 an expiry that nobody streams")
    yield* click(page, 'main button:has-text("Stream this expiry")')
    yield* until(page, "tr.atm")
  })

/** A strategy over two expiries that is created, renamed and deleted by REST while the page shows it. Returns its number. */
const meetStrategies = (page: Page, running: Running, expiries: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { body: demo } = yield* ask(running, "/strategies/1")
    const { leg_id: _, instrument_token: __, ...leg } = demo.instruments[0]
    const symbolOf = (expiry: string) =>
      Effect.map(
        eventually(
          "a priced option",
          ask(running, `/fo/strikes?symbol=NIFTY&expiry=${expiry}`),
          ({ body }) => body.strikes?.some((row: { call: { last_price: number | null } | null }) => row.call?.last_price != null) === true
        ),
        ({ body }): string =>
          body.strikes.find((row: { call: { last_price: number | null } | null }) => row.call?.last_price != null).call.tradingsymbol
      )
    const instruments = [
      { ...leg, tradingsymbol: yield* symbolOf(expiries[0] ?? ""), direction: "BUY" },
      { ...leg, tradingsymbol: yield* symbolOf(expiries[2] ?? ""), direction: "SELL" }
    ]
    const made = yield* ask(running, "/strategies", { method: "POST", body: { name: "Calendar", instruments } })
    assert.strictEqual(made.status, 201, JSON.stringify(made.body))
    yield* click(page, '.strategies button:has-text("Calendar")')
    yield* eventually(
      "both expiries on the legs",
      textsOf(page, ".book .legs .option small"),
      (shown) => shown.length === 2 && new Set(shown).size === 2 && shown.every((text) => text !== "")
    )
    yield* until(page, '.numbers:has-text("Net premium")')
    assert.strictEqual((yield* textsOf(page, ".book .numbers dt"))[0], "Total P&L")
    yield* readable(page, "walk 05 a strategy of two expiries")
    yield* ask(running, `/strategies/${made.body.strategy_id}`, { method: "PATCH", body: { name: "Renamed elsewhere" } })
    yield* shows(page, ".detail h3", (name) => name === "Renamed elsewhere")
    yield* ask(running, `/strategies/${made.body.strategy_id}`, { method: "DELETE" })
    yield* shows(page, ".detail h3", (name) => name === "Demo iron condor")
    return made.body.strategy_id as number
  })

/** A draft with its payoff, the edit of a saved leg, and an undo. */
const useHands = (page: Page) =>
  Effect.gen(function* () {
    yield* Effect.promise(() => page.locator('.chain [tabindex="0"]').focus())
    yield* press(page, "s", "ArrowDown", "b")
    yield* eventually("the draft's legs", textsOf(page, ".draft .direction"), (all) => all.join() === "SELL,BUY")
    yield* until(page, ".ticket .payoff")
    yield* Effect.promise(() => page.locator(".ticket .payoff").hover())
    yield* shows(page, ".ticket .reading", (text) => text.startsWith("At "))
    yield* Effect.promise(() => page.locator(".ticket .slider input").first().fill("1"))
    yield* click(page, ".ticket .payofftable summary")
    yield* readable(page, "walk 06 draft and payoff")
    yield* click(page, ".ticket button:has-text('Create strategy')")
    yield* until(page, '.strategies button[aria-pressed="true"]:has-text("NIFTY")')
    yield* click(page, '.book .segments >> text="Payoff"')
    yield* until(page, ".book .payoff")
    yield* readable(page, "walk 07 saved strategy and payoff")
    yield* undone(page, ':has-text("Removed")', click(page, '.book .legs tr:nth-child(2) button[title="Remove"]'))
    yield* eventually("both legs", textsOf(page, ".book .legs tbody tr"), (rows) => rows.length === 2)
  })

describe.skipIf(skip)("A newcomer's walk", () => {
  it.live(
    "sees the market, streams more of it, meets strategies, uses the payoff, loses NATS, and reads /docs",
    () =>
      Effect.gen(function* () {
        const { page, running, platform, problems } = yield* opened()
        const { body } = yield* ask(running, "/fo/expiries?symbol=NIFTY")
        yield* seeTheMarket(page)
        yield* stream(page, body.expiries[2])
        yield* choose(page, "#expiry", body.expiries[0])
        yield* until(page, "tr.atm")
        const deleted = yield* meetStrategies(page, running, body.expiries)
        yield* useHands(page)

        yield* Effect.promise(() => page.goto(`${running.url}/docs`))
        yield* shows(page, "body", (text) => text.includes("/fo/strikes"))
        // Until the page learns that a strategy was deleted elsewhere, it may ask for it.
        const isOfDeleted = (text: string) => text.includes("404") && new RegExp(`/strategies/${deleted}(/|$)`).test(text)
        assert.deepStrictEqual(
          problems.filter((text) => !isOfDeleted(text)),
          []
        )
        yield* visit(page, running.url)
        yield* state(page, "live")
        yield* Effect.promise(() => platform.nats.stop())
        yield* state(page, "down")
        yield* readable(page, "walk 08 NATS is away")
      }).pipe(Effect.scoped),
    walkMsMax
  )

  it.live(
    "sees a recording by its date, with its last values and their time after its end",
    () =>
      Effect.gen(function* () {
        const { page, problems } = yield* openedAfterTheEnd
        assert.match(yield* textOf(page, ".badge"), /^RECORDED 19 Aug 2026/)
        yield* until(page, "tr.atm")
        yield* readable(page, "walk 09 a recording has ended")
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.scoped),
    walkMsMax
  )

  it.live(
    "begins with nothing streamed, and gets a chain with one click",
    () =>
      Effect.gen(function* () {
        const root = yield* built
        const { config } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 12 }, { WEB_ROOT: root })
        const running = yield* start(config)
        const { page, problems } = yield* tab()
        yield* visit(page, running.url)
        yield* until(page, 'text="Nothing is streamed yet"')
        yield* readable(page, "walk 10 nothing is streamed")
        yield* click(page, 'text="Add NIFTY"')
        yield* until(page, "tr.atm")
        yield* readable(page, "walk 11 the first chain")
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.scoped),
    walkMsMax
  )

  it.live(
    "sees that a market is live, or closed with its last values, and never takes a simulation for it",
    () =>
      Effect.gen(function* () {
        const root = yield* built
        // The prices are the simulator's, but the platform is started as for a live market.
        const { config } = yield* world(
          { mode: "synthetic", rate: 5, strikesEachSide: 12 },
          { WEB_ROOT: root, SEED_USER: "demo", MARKET_MODE: "live" }
        )
        const running = yield* start(config)
        const { page, problems } = yield* tab()
        yield* visit(page, running.url)
        yield* shows(page, ".badge", (text) => text.startsWith("LIVE"))
        yield* until(page, "tr.atm")
        yield* readable(page, "walk 12 a live market")
        // A market is closed after a long silence. So the page gets the same report with that state.
        yield* Effect.promise(() =>
          page.route("**/health", async (route) => {
            const report = (await (await route.fetch()).json()) as { readonly market: object }
            await route.fulfill({ json: { ...report, market: { ...report.market, state: "closed" } } })
          })
        )
        yield* shows(page, ".badge", (text) => text.startsWith("CLOSED"))
        yield* state(page, "closed")
        yield* until(page, "tr.atm")
        yield* readable(page, "walk 13 a closed market")
        yield* Effect.promise(() => page.unrouteAll({ behavior: "wait" }))
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.scoped),
    walkMsMax
  )
})
