import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { start, token, world } from "../platform/PlatformWorld.ts"
import { prepare, skip, tab } from "./Browser.ts"
import { shows } from "./PageWorld.ts"

prepare()

describe.skipIf(skip)("/docs", () => {
  it.live(
    "sends a request with the token that a reader enters, and shows its answer, without an error on the console",
    () =>
      Effect.gen(function* () {
        const platform = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 4 }, { SEED_USER: "demo" })
        const running = yield* start(platform.config)
        const { page, problems, requests } = yield* tab()
        const jwt = yield* token()
        const answer = yield* Effect.promise(async () => {
          await page.goto(`${running.url}/docs`)
          await page.locator('text="/auth/test"').first().click()
          await page.locator('button:has-text("(get /auth/test)")').click()
          await page.locator('[role="dialog"] input[placeholder="Token"]').fill(jwt)
          const answered = page.waitForResponse((response) => response.url() === `${running.url}/auth/test`)
          await page.locator('[role="dialog"] button:has-text("Send")').first().click()
          return answered
        })
        const headers = yield* Effect.promise(() => answer.request().allHeaders())
        assert.strictEqual(headers["authorization"], `Bearer ${jwt}`)
        assert.strictEqual(answer.status(), 200)
        yield* shows(page, '[role="dialog"]', (text) => text.includes("200 OK") && /"user_id":\s*"demo"/.test(text))
        assert.deepStrictEqual(
          [...requests].filter((url) => !url.startsWith(running.url) && !url.startsWith("data:") && !url.startsWith("blob:")),
          []
        )
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.scoped),
    300_000
  )
})
