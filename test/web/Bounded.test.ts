import { assert, describe, it } from "@effect/vitest"
import { bounded } from "./Bounded.ts"

class Keyboard {
  press(key: string): Promise<string> {
    return key === "Escape" ? Promise.resolve("closed") : new Promise(() => undefined)
  }
}
class Locator {
  readonly count: number
  constructor(count: number) {
    this.count = count
  }
  first(): Locator {
    return new Locator(1)
  }
  async size(): Promise<number> {
    return this.count
  }
  hover(): Promise<void> {
    return new Promise(() => undefined)
  }
}
class Page {
  readonly keyboard = new Keyboard()
  locator(_selector: string): Locator {
    return new Locator(7)
  }
  url(): string {
    return "http://127.0.0.1"
  }
  async evaluate(_code: string | (() => void)): Promise<never> {
    throw new Error("the page has navigated")
  }
}

/** The message of a failure; "" if there was none. */
const failureOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "",
    (error: unknown) => (error instanceof Error ? error.message : String(error))
  )

describe("a tab on which every wait ends", () => {
  it("answers as the tab does", async () => {
    const page = bounded(new Page(), "page")
    assert.strictEqual(page.url(), "http://127.0.0.1")
    assert.strictEqual(await page.keyboard.press("Escape"), "closed")
    assert.strictEqual(await page.locator(".chain").first().size(), 1)
    assert.strictEqual(await page.locator(".chain").size(), 7)
    assert.strictEqual(await failureOf(page.evaluate("1")), "the page has navigated")
  })

  it("says what was awaited when nothing answers", async () => {
    const page = bounded(new Page(), "page", 10)
    assert.strictEqual(await failureOf(page.keyboard.press("s")), 'no answer within 0.01 s: page.keyboard.press("s")')
    assert.strictEqual(
      await failureOf(page.locator(".payoff").first().hover()),
      'no answer within 0.01 s: page.locator(".payoff").first().hover()'
    )
  })
})
