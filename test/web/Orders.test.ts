import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import * as Money from "../../src/domain/Money.ts"
import { AccountStopRepo } from "../../src/store/orders/AccountStopRepo.ts"
import { StrategyLimitRepo } from "../../src/store/orders/StrategyLimitRepo.ts"
import { ask, eventually, type Running, spareAccount, token } from "../platform/PlatformWorld.ts"
import { started } from "../store/Stores.ts"
import { picture, prepare, skip } from "./Browser.ts"
import { click, hidden, noticed, opened, press, shows, state, textOf, textsOf, until, visit } from "./PageWorld.ts"
import { readable } from "./Readable.ts"

prepare()

const timeoutMs = 300_000
const send = '.orderticket button[type="submit"]'
const fill = (page: Page, label: string, text: string) =>
  Effect.promise(async () => {
    await page.fill(`.orderticket input[aria-label="${label}"]`, text)
    await page.press(`.orderticket input[aria-label="${label}"]`, "Tab")
  })
const tab = (page: Page, name: string) => click(page, `.accounttabs button:text-is("${name}")`)
const statuses = (page: Page) => textsOf(page, ".orders .orderstatus")

/** Switches clicks in the chain to orders, and begins one at the money. */
const begin = (page: Page, cell: "k-ask" | "k-bid") => click(page, `tr.atm td.call.${cell}`)

/** The account's orders, as the gateway has them. */
const ordersOf = (running: Running) =>
  Effect.map(ask(running, "/accounts/sim1/orders"), ({ body }) => body.orders as ReadonlyArray<Record<string, unknown>>)

describe.skipIf(skip)("Orders on the page", () => {
  it.live(
    "a click on an ask fills in an order whose charges are shown, it is sent on paper, and orders, positions, profit and funds follow live",
    () =>
      Effect.gen(function* () {
        const { page, problems, running } = yield* opened()
        yield* click(page, '.ticket button:text-is("Order")')
        yield* begin(page, "k-ask")
        yield* shows(page, ".orderticket h3", (text) => text.startsWith("NIFTY "))
        yield* shows(page, ".orderticket .mode", (text) => text === "PAPER")
        yield* fill(page, "Lots", "2")
        yield* shows(page, ".costs dd >> nth=2", (text) => Number(text.replaceAll(",", "")) > 20)
        // A bought option blocks its premium.
        yield* shows(page, ".costs .facts dd >> nth=3", (text) => Number(text.replaceAll(",", "")) > 100)
        yield* shows(page, ".costs .facts dd >> nth=4", (text) => text === "10,00,000.00")
        yield* shows(page, send, (text) => text === "Buy 2 lots on paper")
        yield* readable(page, "an order")
        yield* Effect.promise(() => page.setViewportSize({ width: 390, height: 844 }))
        yield* click(page, ".draftbar button")
        yield* picture(page, "an-order-on-a-phone")
        yield* Effect.promise(() => page.setViewportSize({ width: 1440, height: 900 }))
        const asked = Number(yield* Effect.promise(() => page.inputValue('.orderticket input[aria-label="Price"]')))
        yield* fill(page, "Price", String(Math.round(asked * 20 * 1.05) / 20))
        yield* noticed(page, ':has-text("accepted on paper")', click(page, send))
        yield* eventually("the filled order", statuses(page), (all) => all.join() === "COMPLETE")
        yield* tab(page, "Positions")
        const [order] = yield* ordersOf(running)
        yield* shows(page, ".positions tbody td.number", (text) => text === String(order?.["quantity"]))
        // The price moves, and the profit with it, without another answer of the gateway.
        const profit = yield* textOf(page, ".positions tbody td.pnl")
        yield* shows(page, ".positions tbody td.pnl", (text) => text !== profit)
        yield* readable(page, "positions")
        yield* tab(page, "Funds")
        yield* shows(page, ".funds", (text) => /P&L\n[+−\d]/.test(text) && /Charges\n[1-9]/.test(text))
        yield* picture(page, "funds")
        yield* tab(page, "Holdings")
        yield* until(page, '.account .hint:has-text("No holdings")')
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "an open order is modified and cancelled, a refused one stays in the ticket with the reason, and the kill switch is released in two steps",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened({ colorScheme: "dark" })
        yield* click(page, '.ticket button:text-is("Order")')
        yield* begin(page, "k-bid")
        yield* until(page, '.orderticket .segments[data-side="SELL"]')
        yield* click(page, '.orderticket button:text-is("Buy")')
        yield* fill(page, "Price", "0.07")
        yield* click(page, send)
        yield* shows(page, ".orderticket .problem", (text) => text === "The price must be a multiple of 0.05: 0.05 is the nearest.")
        yield* fill(page, "Price", "1.05")
        yield* click(page, send)
        yield* eventually("the open order", statuses(page), (all) => all.join() === "OPEN")
        yield* click(page, '.orders button:text-is("Modify")')
        yield* Effect.promise(() => page.fill('.orders input[aria-label="New price"]', "2.10"))
        yield* click(page, '.orders button:text-is("Save")')
        yield* shows(page, ".orders small", (text) => text.includes("· 2.1 ·"))
        yield* click(page, '.orders button:text-is("Cancel")')
        yield* eventually("the cancelled order", statuses(page), (all) => all.join() === "CANCELLED")

        yield* begin(page, "k-ask")
        yield* fill(page, "Price", "1.05")
        yield* click(page, send)
        yield* eventually("another open order", statuses(page), (all) => all.join() === "OPEN,CANCELLED")
        yield* click(page, ".account button.stop")
        yield* Effect.promise(() => page.fill('.stopform input[type="text"]', "drill"))
        yield* click(page, '.stopform button[type="submit"]')
        yield* until(page, '.stopped:has-text("drill")')
        yield* eventually("the stop cancels it", statuses(page), (all) => all.join() === "CANCELLED,CANCELLED")
        yield* begin(page, "k-ask")
        yield* click(page, send)
        yield* shows(page, ".orderticket .problem", (text) => text.includes("orders are stopped: drill"))
        yield* readable(page, "orders are stopped")
        yield* click(page, '.stopped button:text-is("Release …")')
        yield* click(page, '.stopped button:text-is("Really let orders through")')
        yield* until(page, ".account button.stop:visible")
        assert.strictEqual((yield* ask(running, "/accounts/sim1/kill")).body.state, "open")
        yield* click(page, send)
        yield* eventually("the order after the release", statuses(page), (all) => all.length === 3)
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "limits of an account and of a strategy are set, changed and cleared, a reached loss is shown with its reason, and its release takes two presses of a key",
    () =>
      Effect.gen(function* () {
        const { page, platform, problems, running } = yield* opened()
        const limitsOf = (path: string) => Effect.map(ask(running, `${path}/limits`), ({ body }) => body as Record<string, unknown>)
        const type = (panel: string, label: string, text: string) =>
          Effect.promise(() => page.fill(`${panel} .limits input[aria-label="${label}"]`, text))
        const account = ".account"
        const stored = <A, E>(work: Effect.Effect<A, E, AccountStopRepo | StrategyLimitRepo>) =>
          work.pipe(Effect.provide(started(platform.databaseUrl)), Effect.orDie)
        yield* tab(page, "Limits")
        yield* shows(page, ".account .limitfacts dd", (text) => text === "no limit")
        yield* readable(page, "no limits of an account")
        yield* click(page, ".account .limitbox summary")
        yield* type(account, "Lots in all", "2.5")
        yield* press(page, "Enter")
        yield* shows(page, ".account .limits .problem", (text) => text === "Lots in all must be a whole number from 1 to 1000000.")
        yield* type(account, "Lots in all", "7")
        yield* type(account, "Loss of a day, ₹", "1000.50")
        yield* Effect.promise(() => page.selectOption('.account .limits select[aria-label="When the loss is reached"]', "block"))
        yield* readable(page, "the limits of an account change")
        // The gateway refuses, and the form says so in its words and keeps what was typed.
        const refusal = { detail: "Database unavailable", code: "unavailable", request_id: "-", errors: [] }
        yield* Effect.promise(() =>
          page.route("**/accounts/sim1/limits", (route) =>
            route.request().method() === "PUT" ? route.fulfill({ status: 503, json: refusal }) : route.continue()
          )
        )
        yield* click(page, '.account .limits button[type="submit"]')
        yield* shows(page, ".account .limits .problem", (text) => text === "Database unavailable")
        yield* Effect.promise(() => page.unrouteAll({ behavior: "wait" }))
        yield* click(page, '.account .limits button[type="submit"]')
        yield* shows(page, ".account .limitfacts", (text) => text.includes("1,000.50") && text.includes("until it is released"))
        assert.deepInclude(yield* limitsOf("/accounts/sim1"), { max_daily_loss: "1000.5", loss_action: "block", max_total_lots: 7 })

        // The stop is saved as the executor saves it, because a loss needs a market that trades.
        const loss = new Money.Decimal("-1000.50")
        yield* stored(Effect.flatMap(AccountStopRepo, (stops) => stops.stop("sim1", "paper", loss, "test")))
        const reached = "today has reached the limit of its loss, 1000.5. Its orders may only lower positions."
        yield* until(page, `.account .lossstop:has-text("${reached}")`)
        yield* readable(page, "a loss stopped an account")
        yield* click(page, ".account .limitbox summary")
        yield* click(page, '.account .limits button:text-is("Clear")')
        yield* press(page, "Enter")
        yield* eventually(
          "no limit of the loss",
          limitsOf("/accounts/sim1"),
          (it) => it["max_daily_loss"] === null && it["max_total_lots"] === null
        )
        yield* Effect.promise(() => page.focus(".account .lossstop button"))
        yield* press(page, "Enter")
        yield* until(page, '.account .lossstop button:text-is("Really let orders through")')
        assert.strictEqual((yield* limitsOf("/accounts/sim1"))["state"], "stopped")
        yield* press(page, "Enter")
        yield* hidden(page, ".account .lossstop")
        assert.strictEqual((yield* limitsOf("/accounts/sim1"))["state"], "open")

        yield* click(page, '.detail .segments button:text-is("Limits")')
        yield* click(page, ".detail .limitbox summary")
        yield* type(".detail", "Loss, ₹", "100000000")
        yield* press(page, "Enter")
        yield* shows(page, ".detail .limitfacts dd", (text) => text === "10,00,00,000.00")
        const strategy = { strategyId: 1, owner: "demo" }
        yield* stored(Effect.flatMap(StrategyLimitRepo, (limits) => limits.stop(strategy, new Money.Decimal("-1e8"), "test")))
        yield* until(page, '.detail .lossstop:has-text("has reached the limit of its loss, 100000000")')
        yield* readable(page, "a loss stopped a strategy")
        yield* click(page, ".detail .limitbox summary")
        yield* click(page, '.detail .limits button:text-is("Clear")')
        yield* press(page, "Enter")
        yield* shows(page, ".detail .limitfacts dd", (text) => text === "no limit")
        yield* click(page, '.detail .lossstop button:text-is("Release …")')
        yield* click(page, '.detail .lossstop button:text-is("Really let orders through")')
        yield* hidden(page, ".detail .lossstop")
        assert.deepInclude(yield* limitsOf("/strategies/1"), { state: "open", max_loss: null })
        assert.deepStrictEqual(
          problems.filter((text) => !text.includes("503")),
          []
        )
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "a double click sends once, and an order whose answer is lost is asked again with its key, also after a reload, and exists once",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened()
        yield* click(page, '.ticket button:text-is("Order")')
        yield* begin(page, "k-ask")
        yield* fill(page, "Price", "1.05")
        yield* Effect.promise(() => page.dblclick(send))
        yield* eventually("the order", statuses(page), (all) => all.join() === "OPEN")

        yield* begin(page, "k-ask")
        yield* fill(page, "Price", "1.10")
        // The gateway gets the request, and its answer never arrives.
        const lose = (path: string) => new URL(path).pathname === "/orders/" || new URL(path).pathname === "/orders"
        yield* Effect.promise(() =>
          page.route(
            (url) => lose(url.href),
            async (route) => {
              await route.fetch()
              await route.abort()
            }
          )
        )
        yield* click(page, send)
        yield* until(page, ".orderticket .lost:visible")
        assert.isTrue(yield* Effect.promise(() => page.isDisabled('.orderticket input[aria-label="Price"]')))
        yield* readable(page, "the answer was lost")
        yield* Effect.promise(() => page.reload())
        yield* state(page, "live")
        yield* shows(page, send, (text) => text === "Ask again")
        yield* Effect.promise(() => page.unrouteAll())
        yield* click(page, send)
        yield* until(page, ".orderticket > .hint:visible")
        yield* eventually("two orders in all", statuses(page), (all) => all.join() === "OPEN,OPEN")
        assert.lengthOf(yield* ordersOf(running), 2)
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "an account is linked on the page, a button opens the broker's login page, and the note goes away when the session begins",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened()
        yield* click(page, ".linkbox summary")
        const fields = {
          Name: "mine",
          "User id": spareAccount.userId,
          "API key": spareAccount.apiKey,
          "API secret": spareAccount.apiSecret
        }
        for (const [name, text] of Object.entries(fields))
          yield* Effect.promise(() => page.fill(`.linkbox input[aria-label="${name}"]`, text))
        yield* readable(page, "link an account")
        yield* click(page, '.linkbox button[type="submit"]')
        yield* until(page, '.brokersession:has-text("Not signed in at the broker")')
        yield* readable(page, "a linked account")
        const [login] = yield* Effect.promise(() =>
          Promise.all([
            page.waitForResponse((answer) => new URL(answer.url()).pathname === "/kite/login"),
            page.click('.brokersession button:text-is("Sign in at the broker")')
          ])
        )
        // The broker's page sends the person to the address that is registered there, which is this gateway's callback.
        yield* Effect.promise(async () => {
          const { login_url } = (await login.json()) as { readonly login_url: string }
          const answer = await fetch(login_url, { redirect: "manual" })
          const callback = await fetch(`${running.url}/kite/callback${new URL(answer.headers.get("location") ?? "").search}`)
          assert.strictEqual(callback.status, 200)
        })
        // From five in the morning in India another note says that the session ends at six.
        yield* eventually(
          "the note is gone",
          Effect.promise(() => page.locator('.brokersession[data-kind="away"]:visible').allInnerTexts()),
          (texts) => texts.length === 0
        )
        assert.strictEqual(yield* Effect.promise(() => page.inputValue('.account select[aria-label="Account"]')), "mine")
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "a viewer sees no ticket and no way to trade, and another user sees nobody's account",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened()
        const viewer = yield* token("demo", "viewer")
        yield* Effect.promise(() => page.goto(`${running.url}/?viewer#token=${viewer}`))
        yield* state(page, "live")
        yield* until(page, ".account .mode:visible")
        yield* click(page, "tr.atm td.call.k-ask")
        for (const hidden of [".ticket", ".pick .direction", ".account button.stop"])
          assert.strictEqual(yield* Effect.promise(() => page.locator(`${hidden}:visible`).count()), 0, hidden)
        const stranger = yield* token("stranger")
        yield* Effect.promise(() => page.goto(`${running.url}/?stranger#token=${stranger}`))
        yield* state(page, "live")
        yield* until(page, '.account .hint:has-text("No account belongs to you yet")')
        yield* visit(page, running.url)
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
