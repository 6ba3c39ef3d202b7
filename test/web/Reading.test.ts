import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { eventually } from "../platform/PlatformWorld.ts"
import { prepare, skip } from "./Browser.ts"
import { click, opened, press, textsOf, until, visit } from "./PageWorld.ts"

prepare()

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** The errors that axe-core finds in the present page, one line per rule. */
const findings = (page: Page) =>
  Effect.promise(async () => {
    await page.evaluate(axe)
    return (await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ": " + nodes.map(({ target }) => target.join(" ")).slice(0, 5).join(", ")))`)) as ReadonlyArray<string>
  })

describe.skipIf(skip)("Reading and keyboard", () => {
  it.live(
    "axe-core finds nothing on any part of the page, in light and dark, on a screen and on a phone",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened()
        const sizes = [
          { width: 1440, height: 900 },
          { width: 390, height: 844 }
        ]
        yield* click(page, "tr.atm td.call.k-last")
        yield* click(page, ".pick .buy")
        yield* click(page, '.book .segments >> text="Payoff"')
        yield* until(page, ".book .payoff")
        yield* until(page, ".ticket .payoff")
        yield* Effect.promise(() => page.fill(".search input", "NIFTY"))
        yield* until(page, ".search li button")
        for (const colorScheme of ["light", "dark"] as const) {
          yield* Effect.promise(() => page.emulateMedia({ colorScheme }))
          for (const size of sizes) {
            yield* Effect.promise(() => page.setViewportSize(size))
            assert.deepStrictEqual(yield* findings(page), [], `${colorScheme} ${size.width}`)
          }
        }
        yield* Effect.promise(() => page.press(".search input", "Escape"))
        yield* click(page, 'text="Sign out"')
        yield* until(page, "#token")
        for (const colorScheme of ["light", "dark"] as const) {
          yield* Effect.promise(() => page.emulateMedia({ colorScheme }))
          assert.deepStrictEqual(yield* findings(page), [], `sign-in ${colorScheme}`)
        }
        yield* visit(page, running.url)
        yield* until(page, "tr.atm")
        yield* eventually("the draft after a new sign-in", textsOf(page, ".draft .direction"), (all) => all.join() === "BUY")
      }).pipe(Effect.scoped),
    180_000
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
    180_000
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
          () => page.evaluate("document.querySelector('.draft').getBoundingClientRect().top < innerHeight") as Promise<boolean>
        )
        yield* eventually("the ticket is in view", isInView, (isThere) => isThere)
        const width = yield* Effect.promise(() => page.evaluate("document.documentElement.scrollWidth") as Promise<number>)
        assert.isAtMost(width, 390)
      }).pipe(Effect.scoped),
    180_000
  )
})
