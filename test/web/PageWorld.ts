import { Effect } from "effect"
import type { Page } from "playwright-core"
import { waitMsMax } from "../Patience.ts"
import { ask, eventually, start, token, world } from "../platform/PlatformWorld.ts"
import { recordedWorld, sixMinutes } from "../platform/record/RecordedWorld.ts"
import { built, tab } from "./Browser.ts"

export const textOf = (page: Page, selector: string) => Effect.promise(() => page.locator(selector).first().innerText())
export const textsOf = (page: Page, selector: string) => Effect.promise(() => page.locator(selector).allInnerTexts())
export const until = (page: Page, selector: string) => Effect.promise(() => page.locator(selector).first().waitFor({ timeout: waitMsMax }))
export const hidden = (page: Page, selector: string) =>
  Effect.promise(() => page.locator(selector).first().waitFor({ state: "hidden", timeout: waitMsMax }))
export const state = (page: Page, freshness: string) => until(page, `.status[data-freshness="${freshness}"]`)
export const click = (page: Page, selector: string) => Effect.promise(() => page.click(selector))
export const press = (page: Page, ...keys: ReadonlyArray<string>) =>
  Effect.promise(() => keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve()))

/** Does something, and waits for the notice about it. A notice stays for some seconds only, so the wait begins first. */
export const noticed = <A>(page: Page, notice: string, act: Effect.Effect<A>) =>
  Effect.all([until(page, `.notice${notice}`), act], { concurrency: 2 })
/** Does something, and takes it back by the notice about it. */
export const undone = <A>(page: Page, notice: string, act: Effect.Effect<A>) =>
  Effect.all([click(page, `.notice${notice} button:text-is("Undo")`), act], { concurrency: 2 })

/** Opens the page of a gateway as user demo. */
export const visit = (page: Page, url: string) => Effect.flatMap(token(), (jwt) => Effect.promise(() => page.goto(`${url}/#token=${jwt}`)))

/** Waits until every option of the chain has a price. Rows appear with their first tick, and a click on a missing option does nothing. */
export const wholeChain = (page: Page) =>
  Effect.zipRight(
    until(page, "tr.atm"),
    eventually(
      "a price of every option",
      Effect.promise(() => page.locator(".chain tbody .k-last").allTextContents()),
      (prices) => prices.length > 2 && prices.every((price) => /\d/.test(price))
    )
  )

/** A seeded platform and the page of user demo, once the chain is whole. */
export const opened = (options: Parameters<typeof tab>[0] = {}) =>
  Effect.gen(function* () {
    const root = yield* built
    const platform = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 12 }, { WEB_ROOT: root, SEED_USER: "demo" })
    const running = yield* start(platform.config)
    const shown = yield* tab(options)
    yield* visit(shown.page, running.url)
    yield* state(shown.page, "live")
    yield* wholeChain(shown.page)
    return { ...shown, running, platform }
  })

/** The page of a recording that has ended. */
export const openedAfterTheEnd = Effect.gen(function* () {
  const root = yield* built
  const { config } = yield* recordedWorld(sixMinutes(), undefined, { WEB_ROOT: root })
  const running = yield* start(config)
  yield* eventually("the end of the recording", ask(running, "/health"), ({ body }) => body.market?.state === "ended")
  const shown = yield* tab()
  yield* visit(shown.page, running.url)
  yield* state(shown.page, "ended")
  return shown
})

/** Waits until the first element that matches the selector has the wanted text. */
export const shows = (page: Page, selector: string, isWanted: (text: string) => boolean) =>
  eventually(selector, textOf(page, selector), isWanted)
