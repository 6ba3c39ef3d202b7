import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { inTime } from "../platform/PlatformWorld.ts"
import { picture } from "./Browser.ts"

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

const sizes = { screen: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } }
const colours = ["light", "dark"] as const

/** The errors that axe-core finds in the present page, one line per rule. */
const findings = (page: Page) =>
  Effect.promise(async () => {
    await page.evaluate(axe)
    return (await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ": " + nodes.map(({ target }) => target.join(" ")).slice(0, 5).join(", ")))`)) as ReadonlyArray<string>
  })

/**
 * What is wider than its room: the page, a part that scrolls downwards only, or a panel. With each room comes what reaches out of it, so
 * that a failure names it.
 */
export const wider = (page: Page) =>
  Effect.promise(
    () =>
      page.evaluate(`(() => {
        const isSeen = (one) => one.checkVisibility() && one.closest(".canvas, .unseen, svg") === null
        const outOf = (room) => {
          const end = room.getBoundingClientRect().left + room.clientLeft + room.clientWidth
          return [...room.querySelectorAll("*")]
            .filter((one) => isSeen(one) && one.getBoundingClientRect().right > end + 1)
            .map((one) => one.tagName.toLowerCase() + "." + one.className + " " + Math.round(one.getBoundingClientRect().right - end))
        }
        return ["html", ".columns", ".side", ".panel", ".search ul"].flatMap((part) =>
          [...document.querySelectorAll(part)]
            .filter((room) => room.scrollWidth > room.clientWidth + 1)
            .map((room) => [part, ...outOf(room)].join(", ")))
      })()`) as Promise<ReadonlyArray<string>>
  )

/**
 * Looks at the present state of the page in light and dark, on a screen and on a phone. axe-core must find nothing, and nothing may be
 * wider than the window. Transitions are off, because a colour on its way to another has no fixed contrast. Saves a picture of each, and returns to the first size and colours.
 */
export const readable = (page: Page, name: string) =>
  Effect.gen(function* () {
    for (const colorScheme of colours)
      for (const [size, viewport] of Object.entries(sizes)) {
        yield* Effect.promise(() => page.emulateMedia({ colorScheme, reducedMotion: "reduce" }))
        yield* Effect.promise(() => page.setViewportSize(viewport))
        const what = `${name}, ${colorScheme}, ${size}`
        assert.deepStrictEqual(yield* inTime(`axe on ${what}`, findings(page)), [], what)
        assert.deepStrictEqual(yield* inTime(`widths of ${what}`, wider(page)), [], what)
        yield* picture(page, what.replaceAll(/[^A-Za-z0-9]+/g, "-"))
      }
    yield* Effect.promise(() => page.setViewportSize(sizes.screen))
    yield* Effect.promise(() => page.emulateMedia({ colorScheme: "light" }))
  })
