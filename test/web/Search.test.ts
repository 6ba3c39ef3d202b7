import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, start, world } from "../platform/PlatformWorld.ts"
import { built, picture, prepare, skip, tab } from "./Browser.ts"
import { click, shows, state, until, visit } from "./PageWorld.ts"

prepare()

describe.skipIf(skip)("Search", () => {
  it.live(
    "an empty platform offers underlyings; one click streams one, another an unstreamed expiry, the search a third",
    () =>
      Effect.gen(function* () {
        const root = yield* built
        const { config } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 12 }, { WEB_ROOT: root })
        const running = yield* start(config)
        const { page } = yield* tab()
        yield* visit(page, running.url)
        yield* until(page, 'text="Nothing is streamed yet"')
        yield* picture(page, "empty")
        yield* click(page, 'text="Add NIFTY"')
        yield* state(page, "live")
        yield* until(page, "tr.atm")
        const active = Effect.map(ask(running, "/subscriptions?status=active&limit=1000"), ({ body }) => body.total as number)
        const added = yield* active
        assert.isAbove(added, 20)

        const { body } = yield* ask(running, "/fo/expiries?symbol=NIFTY")
        yield* Effect.promise(() => page.selectOption("#expiry", body.expiries[2]))
        yield* click(page, 'text="Stream this expiry"')
        yield* eventually("more instruments are streamed", active, (total) => total > added + 20)
        yield* until(page, "tr.atm")

        yield* Effect.promise(() => page.fill(".search input", "BANKNIFTY"))
        yield* click(page, '.search li button:has-text("Add underlying")')
        yield* eventually(
          "its chain is shown",
          Effect.promise(() => page.locator("#symbol").inputValue()),
          (symbol) => symbol === "BANKNIFTY"
        )
        yield* until(page, "tr.atm")
        yield* shows(page, ".notice", (text) => /BANKNIFTY .*instruments are streamed/.test(text))
      }).pipe(Effect.scoped),
    300_000
  )
})
