import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { ask, token } from "../platform/PlatformWorld.ts"
import { picture, prepare, skip } from "./Browser.ts"
import { noticed, opened, press, shows, state, until } from "./PageWorld.ts"
import { wider } from "./Readable.ts"

prepare()

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }

/** A text without a blank at which it could break. */
const endless = (length: number) => "EndlessWord".repeat(length / 11 + 1).slice(0, length)

/** Nothing is wider than the window in the present state. */
const fits = (page: Page, what: string) =>
  Effect.gen(function* () {
    yield* picture(page, `phone ${what}`.replaceAll(/[^A-Za-z0-9]+/g, "-"))
    assert.deepStrictEqual(yield* wider(page), [], what)
    assert.isAtMost(
      yield* Effect.promise(() => page.evaluate("Math.round(visualViewport.width * visualViewport.scale)") as Promise<number>),
      390,
      what
    )
  })

/** The page gets the gateway's report of its health with these fields. */
const health = (page: Page, fields: object) =>
  Effect.promise(() =>
    page.route("**/health", async (route) => {
      const report = (await (await route.fetch()).json()) as object
      await route.fulfill({ json: { ...report, ...fields } })
    })
  )
/** What the gateway answers if it cannot answer, with a long text. */
const refusal = { detail: endless(300), code: "unavailable", request_id: "-", errors: [] }
const tap = (page: Page, selector: string) => Effect.promise(() => page.tap(selector))

describe.skipIf(skip)("On a phone", () => {
  it.live(
    "nothing is wider than the window, however long reasons, names and amounts are",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened(phone)
        for (const set of ["Price", "Greeks", "Interest"]) {
          yield* tap(page, `.chainpanel .segments button:text-is("${set}")`)
          yield* fits(page, `columns ${set}`)
        }
        yield* tap(page, '.chainpanel .segments button:text-is("Price")')

        yield* tap(page, "tr.atm td.call.k-bid")
        yield* tap(page, "tr.atm td.put.k-bid")
        yield* Effect.promise(() => page.fill('.draft tbody tr:nth-child(1) input[aria-label="Lots"]', "99999"))
        yield* until(page, ".ticket .payoff")
        yield* tap(page, ".ticket .payofftable summary")
        yield* fits(page, "a draft of crores")
        yield* Effect.promise(() => page.fill('.draft input[aria-label="Name of the strategy"]', endless(100)))
        yield* tap(page, 'text="Create strategy"')
        yield* until(page, '.strategies button[aria-pressed="true"]:has-text("EndlessWord")')
        yield* shows(page, ".book .numbers dd", (text) => /\d/.test(text))
        yield* fits(page, "a strategy of crores")
        yield* Effect.promise(() => page.fill('.book .legs tbody tr:nth-child(1) input[aria-label^="Entry price"]', "99999"))
        yield* Effect.promise(() => page.press('.book .legs tbody tr:nth-child(1) input[aria-label^="Entry price"]', "Tab"))
        yield* shows(page, ".book .legs tbody tr:nth-child(1) td:nth-child(6)", (text) => text.length > 20)
        yield* fits(page, "a strategy of thousands of crores")
        yield* tap(page, '.book .segments >> text="Payoff"')
        yield* until(page, ".book .payoff")
        yield* fits(page, "its payoff")
        yield* noticed(page, "", tap(page, '.book .legs tr:nth-child(2) button[title="Remove"]'))
        yield* fits(page, "a notice")

        yield* tap(page, '.ticket button:text-is("Order")')
        yield* tap(page, "tr.atm td.call.k-ask")
        yield* Effect.promise(() => page.fill('.orderticket input[aria-label="Lots"]', "27"))
        yield* Effect.promise(() => page.press('.orderticket input[aria-label="Lots"]', "Tab"))
        yield* shows(page, ".costs dd >> nth=2", (text) => Number(text.replaceAll(",", "")) > 20)
        yield* fits(page, "an order")
        const reason = endless(200)
        yield* ask(running, "/accounts/sim1/kill", { method: "POST", body: { reason } })
        yield* until(page, '.stopped:has-text("EndlessWord")')
        yield* fits(page, "orders are stopped")
        yield* tap(page, '.orderticket button[type="submit"]')
        yield* shows(page, ".orderticket .problem", (text) => text.includes(reason))
        yield* fits(page, "a refused order")
        for (const name of ["Positions", "Holdings", "Funds", "Limits", "Orders"]) {
          yield* tap(page, `.accounttabs button:text-is("${name}")`)
          yield* fits(page, `the account's ${name}`)
        }

        yield* Effect.promise(() => page.fill(".search input", "NIFTY"))
        yield* until(page, ".search li button")
        yield* fits(page, "search")
        yield* Effect.promise(() => page.press(".search input", "Escape"))
        yield* Effect.promise(() => page.route("**/calendar/**", (route) => route.fulfill({ status: 503, json: refusal })))
        yield* tap(page, ".badge")
        yield* until(page, ".calendar .problem:visible")
        yield* fits(page, "hours that are not known")
        yield* press(page, "Escape")
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "nothing is wider than the window in any state of the data, however long its reason is",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened(phone)
        const reasons = [endless(300), "a connection of an account is not there ".repeat(20)]
        const { body } = yield* ask(running, "/health")
        for (const [at, reason] of reasons.entries())
          for (const status of ["down", "degraded"]) {
            yield* health(page, { status, reason })
            yield* state(page, status)
            yield* shows(page, ".banner", (text) => text.includes(reason.trim()))
            yield* fits(page, `${status} ${at}`)
            yield* Effect.promise(() => page.unrouteAll({ behavior: "wait" }))
            yield* state(page, "live")
          }
        const live = { ...body.market, mode: "live", phase: "post_close_auction_of_the_last_session" }
        for (const market of [
          { ...live, state: "running" },
          { ...live, state: "closed" },
          { ...live, mode: "recorded", speed: "max", state: "ended" }
        ]) {
          yield* health(page, { market })
          yield* shows(page, ".badge", (text) => !text.startsWith("SIMULATED"))
          yield* shows(page, ".status", (text) => market.state === "running" || /closed|ended/.test(text))
          yield* fits(page, `${market.mode} ${market.state}`)
          yield* Effect.promise(() => page.unrouteAll({ behavior: "wait" }))
          yield* shows(page, ".badge", (text) => text.startsWith("SIMULATED"))
        }
        const jwt = yield* token()
        yield* tap(page, 'text="Sign out"')
        yield* until(page, "#token")
        yield* Effect.promise(() => page.route("**/auth/test", (route) => route.fulfill({ status: 503, json: refusal })))
        yield* Effect.promise(() => page.fill("#token", jwt))
        yield* tap(page, 'text="Sign in"')
        yield* shows(page, ".signin .problem", (text) => text.includes("EndlessWord"))
        yield* fits(page, "a sign-in that fails")
      }).pipe(Effect.scoped),
    300_000
  )
})
