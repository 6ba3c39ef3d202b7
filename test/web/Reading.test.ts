import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "../platform/PlatformWorld.ts"
import { prepare, skip } from "./Browser.ts"
import { click, opened, press, textsOf, until, visit } from "./PageWorld.ts"
import { readable } from "./Readable.ts"

prepare()

describe.skipIf(skip)("Reading and keyboard", () => {
  it.live(
    "axe-core finds nothing on the page with everything open, and on the sign-in; the draft survives a new sign-in",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened()
        yield* click(page, "tr.atm td.call.k-last")
        yield* click(page, ".pick .buy")
        yield* click(page, '.book .segments >> text="Payoff"')
        yield* until(page, ".book .payoff")
        yield* until(page, ".ticket .payoff")
        for (const part of [".book", ".ticket"]) yield* click(page, `${part} .payofftable summary`)
        yield* Effect.promise(() => page.fill(".search input", "NIFTY"))
        yield* until(page, ".search li button")
        yield* readable(page, "everything open")
        yield* Effect.promise(() => page.press(".search input", "Escape"))
        yield* click(page, ".badge")
        yield* until(page, '.calendar dt:has-text("Opens next")')
        yield* readable(page, "the calendar")
        yield* press(page, "Escape")
        yield* click(page, 'text="Sign out"')
        yield* until(page, "#token")
        yield* readable(page, "sign-in")
        yield* visit(page, running.url)
        yield* until(page, "tr.atm")
        yield* eventually("the draft after a new sign-in", textsOf(page, ".draft .direction"), (all) => all.join() === "BUY")
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "the grid is entered at the money, Ctrl+Home goes to its first cell, a created strategy gets the focus, and the wheel scrolls past the chart",
    () =>
      Effect.gen(function* () {
        const { page } = yield* opened({ viewport: { width: 900, height: 700 } })
        const entry = page.locator('.chain [tabindex="0"]')
        assert.strictEqual(yield* Effect.promise(() => entry.count()), 1)
        assert.isTrue(yield* Effect.promise(() => entry.evaluate((cell) => cell.parentElement?.classList.contains("atm") === true)))
        yield* Effect.promise(() => entry.focus())
        const place = Effect.promise(
          () =>
            page.evaluate(`(() => {
              const cell = document.activeElement, row = cell.parentElement
              return [[...row.parentElement.children].indexOf(row), [...row.children].filter((one) => one.offsetWidth > 0).indexOf(cell)]
            })()`) as Promise<readonly [number, number]>
        )
        yield* press(page, "Control+Home")
        assert.deepStrictEqual(yield* place, [0, 0])
        yield* press(page, "Control+End")
        const rows = yield* Effect.promise(() => page.locator(".chain tbody tr").count())
        assert.strictEqual((yield* place)[0], rows - 1)

        yield* press(page, "b")
        yield* until(page, ".draft .direction.buy")
        yield* Effect.promise(() => page.fill('.draft input[aria-label="Name of the strategy"]', "Focused"))
        yield* press(page, "Enter")
        const focused = Effect.promise(() => page.evaluate("document.activeElement.innerText") as Promise<string>)
        yield* eventually("the focus on the new strategy", focused, (text) => text.includes("Focused"))

        const scrolled = Effect.promise(() => page.evaluate("document.scrollingElement.scrollTop") as Promise<number>)
        yield* Effect.promise(() => page.locator(".chart .canvas").scrollIntoViewIfNeeded())
        yield* Effect.promise(() => page.locator(".chart .canvas").hover())
        const before = yield* scrolled
        yield* Effect.promise(() => page.mouse.wheel(0, -200))
        yield* eventually("the page scrolls", scrolled, (top) => top < before)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "on a phone a bar shows the draft's legs and leads to them",
    () =>
      Effect.gen(function* () {
        const { page } = yield* opened({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
        assert.strictEqual(yield* Effect.promise(() => page.locator(".draftbar").isVisible()), false)
        yield* Effect.promise(() => page.tap("tr.atm td.call.k-bid"))
        yield* Effect.promise(() => page.tap("tr.atm td.put.k-bid"))
        yield* eventually("both legs in the bar", textsOf(page, ".draftbar"), ([text = ""]) =>
          /2 legs[\s\S]*−1 \d+ CE, −1 \d+ PE/.test(text)
        )
        yield* Effect.promise(() => page.tap(".draftbar button"))
        const isInView = Effect.promise(
          () =>
            page.evaluate(`(() => {
              const top = document.querySelector(".ticket").getBoundingClientRect().top
              return top < innerHeight && top >= document.querySelector(".bar").getBoundingClientRect().bottom
            })()`) as Promise<boolean>
        )
        yield* eventually("the ticket is in view, below the bar", isInView, (isThere) => isThere)
        const width = yield* Effect.promise(() => page.evaluate("document.documentElement.scrollWidth") as Promise<number>)
        assert.isAtMost(width, 390)
      }).pipe(Effect.scoped),
    300_000
  )
})
