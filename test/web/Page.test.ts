import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Format from "../../web/src/view/Format.ts"
import { ask, eventually, type Running, start, token, world } from "../platform/PlatformWorld.ts"
import { built, picture, prepare, relay, run, skip, tab } from "./Browser.ts"
import { hidden, opened, press, shows, state, textOf, until, wholeChain } from "./PageWorld.ts"

const expiryOf = (running: Pick<Running, "url">) =>
  Effect.map(ask(running as Running, "/fo/expiries?symbol=NIFTY"), ({ body }) => body.expiries[0] as string)

describe.skipIf(skip)("Page (skipped when TARANG_CHROMIUM=none asks for it)", () => {
  prepare()

  it.live(
    "signs in, shows the gateway's chain, and sends no request to any other host",
    () =>
      Effect.gen(function* () {
        const root = yield* built
        const platform = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 12 }, { WEB_ROOT: root, SEED_USER: "demo" })
        const running = yield* start(platform.config)
        const { page, problems, requests } = yield* tab()
        yield* Effect.promise(() => page.goto(running.url))
        yield* Effect.promise(() => page.fill("#token", "not.a.token"))
        yield* Effect.promise(() => page.press("#token", "Enter"))
        yield* until(page, "text=does not accept this token")
        yield* picture(page, "sign-in")
        const jwt = yield* token()
        yield* Effect.promise(() => page.fill("#token", jwt))
        yield* Effect.promise(() => page.press("#token", "Enter"))
        yield* state(page, "live")
        yield* until(page, "tr.atm")

        const expiry = yield* expiryOf(running)
        yield* eventually(
          "a row for each strike that REST has",
          Effect.gen(function* () {
            const { body: chain } = yield* ask(running, `/fo/strikes?symbol=NIFTY&expiry=${expiry}`)
            return [yield* Effect.promise(() => page.locator(".chain tbody tr").count()), chain.strikes.length] as const
          }),
          ([rows, strikes]) => strikes > 0 && rows === strikes
        )
        const heads = yield* Effect.promise(() => page.locator(".chain thead th[scope=col]").allInnerTexts())
        assert.strictEqual(heads.length, 21)
        // The market falls silent, so that the page and REST come to the same values for every strike.
        for (const at of platform.simulator.stats().spread.keys()) platform.simulator.mute(at)
        yield* eventually(
          "the same open interest, max pain and ratio as REST",
          Effect.gen(function* () {
            const { body } = yield* ask(running, `/fo/strikes?symbol=NIFTY&expiry=${expiry}`)
            const { body: pcr } = yield* ask(running, `/fo/pcr?symbol=NIFTY&expiry=${expiry}`)
            const { body: pain } = yield* ask(running, `/fo/max-pain?symbol=NIFTY&expiry=${expiry}`)
            const facts = yield* Effect.promise(() => page.locator(".chainpanel .facts dd").allInnerTexts())
            const shown = yield* Effect.promise(() => page.locator(".chain td.call.k-oi").allInnerTexts())
            const wanted = (body.strikes as ReadonlyArray<{ call: { oi: number } | null }>).map(({ call }) => Format.count(call?.oi))
            return [facts[5], facts[6], ...shown].join() === [Format.strike(pain.max_pain), Format.fixed(pcr.pcr_oi, 2), ...wanted].join()
          }),
          (same) => same
        )

        assert.strictEqual(page.url(), `${running.url}/`)
        const host = new URL(running.url).host
        assert.deepStrictEqual(
          [...requests].filter((address) => new URL(address).host !== host),
          []
        )
        // The console may only report the refusal of the first token: no refused style, script or connection.
        assert.deepStrictEqual(
          problems.filter((text) => !text.includes("401")),
          []
        )
        const policy = yield* Effect.promise(async () => (await fetch(`${running.url}/`)).headers.get("content-security-policy"))
        assert.match(policy ?? "", /^default-src 'none'; script-src 'self'; style-src 'self';/)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "moves with the market; a token in the address signs in and is removed from it",
    () =>
      Effect.gen(function* () {
        const { page, problems } = yield* opened()
        assert.notInclude(page.url(), "token")
        const seen = { last: new Set<string>(), spot: new Set<string>(), pnl: new Set<string>() }
        yield* eventually(
          "other prices, spot and profit",
          Effect.gen(function* () {
            seen.last.add(yield* textOf(page, "tr.atm td.call.k-last"))
            seen.spot.add(yield* textOf(page, ".spotprice"))
            seen.pnl.add(yield* textOf(page, ".numbers .big dd"))
            return Math.min(seen.last.size, seen.spot.size, seen.pnl.size)
          }),
          (least) => least >= 3
        )
        yield* until(page, ".chart canvas")
        yield* picture(page, "chain-light")
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "reports that the gateway is away, keeps its values, and continues by itself when it is back",
    () =>
      Effect.gen(function* () {
        const root = yield* built
        const platform = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 12 }, { WEB_ROOT: root, SEED_USER: "demo" })
        yield* run(platform.config, ["actors"])
        const first = yield* run(platform.config, ["gateway"])
        const { page } = yield* tab()
        const jwt = yield* token()
        yield* eventually(
          "a chain",
          Effect.flatMap(expiryOf(first), (expiry) => ask(first, `/fo/strikes?symbol=NIFTY&expiry=${expiry}`)),
          ({ body }) => body.strikes?.length > 0
        )
        yield* Effect.promise(() => page.goto(`${first.url}/#token=${jwt}`))
        yield* state(page, "live")
        yield* wholeChain(page)
        const rows = yield* Effect.promise(() => page.locator(".chain tbody tr").count())
        yield* first.stop
        yield* state(page, "away")
        yield* until(page, "text=The gateway is away")
        assert.strictEqual(yield* Effect.promise(() => page.locator(".chain tbody tr").count()), rows)
        yield* picture(page, "gateway-away")

        yield* run(platform.config, ["gateway"], first.port)
        yield* state(page, "live")
        const seen = new Set<string>()
        const profits = new Set<string>()
        yield* eventually(
          "prices and profits move again",
          Effect.gen(function* () {
            seen.add(yield* textOf(page, "tr.atm td.call.k-last"))
            profits.add(yield* textOf(page, ".numbers .big dd"))
            return Math.min(seen.size, profits.size)
          }),
          (least) => least >= 3
        )
        yield* hidden(page, "text=The gateway is away")
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "a connected but mute feed shows as stale, with the age of its newest quote, until it sends again",
    () =>
      Effect.gen(function* () {
        const root = yield* built
        const platform = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 5 }, { WEB_ROOT: root, SEED_USER: "demo" })
        const broker = yield* relay(platform)
        const running = yield* start(platform.config)
        const { page } = yield* tab({ colorScheme: "dark" })
        const jwt = yield* token()
        yield* Effect.promise(() => page.goto(`${running.url}/#token=${jwt}`))
        yield* state(page, "live")
        yield* until(page, "tr.atm")
        broker.mute(true)
        yield* state(page, "stale")
        yield* until(page, "text=/No new quote for \\d+ s/")
        yield* shows(page, ".banner", (text) => /What you see is from \d\d:\d\d:\d\d IST/.test(text))
        yield* picture(page, "stale")
        broker.mute(false)
        yield* state(page, "live")
        yield* hidden(page, ".banner")
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "creates a strategy from clicks in the chain, and shows its mark",
    () =>
      Effect.gen(function* () {
        const { page, running, problems } = yield* opened({ colorScheme: "dark" })
        const atm = Number(yield* Effect.promise(() => page.locator("tr.atm").getAttribute("data-strike")))
        yield* Effect.promise(() => page.click(`tr[data-strike="${atm}"] td.call.k-bid`))
        yield* Effect.promise(() => page.click(`tr[data-strike="${atm}"] td.put.k-ask`))
        assert.deepStrictEqual(yield* Effect.promise(() => page.locator(".draft .direction").allInnerTexts()), ["SELL", "BUY"])
        yield* until(page, `tr[data-strike="${atm}"] td.call.sold`)
        yield* Effect.promise(() => page.fill('.draft input[aria-label="Name of the strategy"]', "Synthetic short"))
        yield* Effect.promise(() => page.fill('.draft input[aria-label="Lot size"]', "65"))
        yield* Effect.promise(() => page.fill('.draft tbody tr:nth-child(2) input[aria-label="Lots"]', "2"))
        yield* Effect.promise(() => page.click("text=Create strategy"))
        yield* until(page, '.strategies button[aria-pressed="true"]:has-text("Synthetic short")')

        const { body } = yield* ask(running, "/strategies")
        const id = body.strategies.find(({ name }: { name: string }) => name === "Synthetic short").strategy_id
        const { body: strategy } = yield* ask(running, `/strategies/${id}`)
        const legs = strategy.instruments.map((leg: { direction: string; tradingsymbol: string; quantity: number; exchange: string }) => [
          leg.direction,
          leg.exchange,
          leg.tradingsymbol.slice(-7),
          leg.quantity
        ])
        assert.deepStrictEqual(legs, [
          ["SELL", "NFO", `${atm}CE`, 65],
          ["BUY", "NFO", `${atm}PE`, 130]
        ])
        yield* eventually("its profit", textOf(page, ".numbers .big dd"), (text) => text !== Format.none)
        yield* picture(page, "strategy-dark")
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "works with the keyboard only: moves in the chain, buys, sells, applies a template and creates",
    () =>
      Effect.gen(function* () {
        const { page, running } = yield* opened()
        const focused = page.locator("td:focus, th:focus")
        const where = Effect.promise(
          async () => [await focused.locator("xpath=..").getAttribute("data-strike"), await focused.getAttribute("class")] as const
        )
        yield* Effect.promise(() => page.locator(".chain [tabindex='0']").focus())
        const [first] = yield* where
        yield* press(page, "ArrowDown", "ArrowDown", "ArrowRight")
        const [strike, column] = yield* where
        assert.isAbove(Number(strike), Number(first))
        assert.include(column ?? "", "strike")
        yield* press(page, "ArrowRight", "s", "ArrowLeft", "ArrowLeft", "b")
        assert.deepStrictEqual(yield* Effect.promise(() => page.locator(".draft .direction").allInnerTexts()), ["SELL", "BUY"])
        assert.deepStrictEqual(yield* Effect.promise(() => page.locator(".draft tbody .mono").allInnerTexts()), [
          `${strike} PE`,
          `${strike} CE`
        ])

        yield* Effect.promise(() => page.locator(".template select").selectOption("iron-condor"))
        yield* Effect.promise(() => page.locator(".template input").fill("2"))
        yield* Effect.promise(() => page.locator(".template button").focus())
        yield* press(page, "Enter")
        yield* eventually(
          "four legs",
          Effect.promise(() => page.locator(".draft .direction").allInnerTexts()),
          (texts) => texts.join() === "BUY,SELL,SELL,BUY"
        )
        const name = yield* Effect.promise(() => page.locator('.draft input[aria-label="Name of the strategy"]').inputValue())
        yield* Effect.promise(() => page.locator('.draft input[aria-label="Name of the strategy"]').focus())
        yield* press(page, "Enter")
        yield* until(page, `.strategies button[aria-pressed="true"]:has-text("${name}")`)
        const { body } = yield* ask(running, "/strategies")
        assert.include(
          body.strategies.map(({ name }: { name: string }) => name),
          name
        )
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "fits a phone: no sideways scrolling, the chosen columns show, and an option is bought with two taps",
    () =>
      Effect.gen(function* () {
        const { page } = yield* opened({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: "dark" })
        const width = Effect.promise(() => page.evaluate("document.documentElement.scrollWidth") as Promise<number>)
        assert.isAtMost(yield* width, 390)
        const shown = Effect.promise(() => page.locator(".chain thead th:visible").allInnerTexts())
        assert.deepStrictEqual(
          (yield* shown).map((text) =>
            text
              .split("\n")
              .at(-1)
              ?.replace(/^(Call|Put) /, "")
          ),
          ["Bid", "Ask", "LTP", "Strike", "LTP", "Ask", "Bid"]
        )
        yield* Effect.promise(() => page.tap("text=Greeks"))
        assert.include((yield* shown).join(), "Delta")
        yield* Effect.promise(() => page.tap("tr.atm td.call.k-delta"))
        yield* picture(page, "phone")
        yield* Effect.promise(() => page.tap(".pick .buy"))
        assert.deepStrictEqual(yield* Effect.promise(() => page.locator(".draft .direction").allInnerTexts()), ["BUY"])
        assert.isAtMost(yield* width, 390)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "writes only the changed cells of 400 rows, once a frame",
    () =>
      Effect.gen(function* () {
        const rows = 400
        const option = (token: number, lastPrice: number) => ({
          instrument_token: token,
          tradingsymbol: `T${token}`,
          last_price: lastPrice,
          bid: 1,
          ask: 2,
          volume: 3,
          oi: 4,
          oi_change: 5,
          price_change: 1,
          iv: 0.1,
          delta: 0.5,
          gamma: 0.001,
          theta: -1,
          vega: 1,
          rho: 1,
          as_of: new Date().toISOString(),
          priced_at: new Date().toISOString(),
          age_ms: 0,
          quality: "live"
        })
        const update = (kind: string, step: number) => (wanted: { symbol: string; expiry: string }) =>
          JSON.stringify({
            type: "update",
            ...wanted,
            kind,
            epoch: 1,
            seq: step,
            as_of: new Date().toISOString(),
            valued_at: new Date().toISOString(),
            spot: 24_500,
            spot_change: null,
            forward: 24_500,
            atm_strike: 24_500,
            atm_iv: null,
            oi_coverage: { counted: 1, listed: 2 },
            oi_change_from: "first_seen",
            max_pain: 24_500,
            pcr: 1,
            totals: { call_oi: 1, put_oi: 1, pcr_volume: 1 },
            strikes: Array.from({ length: rows }, (_, at) => ({
              strike: 20_000 + at * 50,
              call: option(at, 100 + step),
              put: option(rows + at, 50)
            }))
          })
        const root = yield* built
        const platform = yield* world({ mode: "synthetic", rate: 1, strikesEachSide: 3 }, { WEB_ROOT: root, SEED_USER: "demo" })
        const running = yield* start(platform.config)
        const { page } = yield* tab()
        let send: ((message: ReturnType<typeof update>) => void) | undefined
        yield* Effect.promise(() =>
          page.routeWebSocket(/\/fo\/stream/, (socket) => {
            socket.onMessage((text) => {
              const { action, ...wanted } = JSON.parse(text.toString())
              if (action === "ping") return socket.send('{"type":"pong"}')
              if (action !== "subscribe") return
              send = (message) => socket.send(message(wanted))
              send(update("chain", 0))
            })
          })
        )
        const jwt = yield* token()
        yield* Effect.promise(() => page.goto(`${running.url}/#token=${jwt}`))
        yield* until(page, 'tr[data-strike="39950"]')
        assert.strictEqual(yield* Effect.promise(() => page.locator(".chain tbody tr").count()), rows)
        yield* Effect.promise(() =>
          page.evaluate(`
            globalThis.seen = { texts: 0, others: 0 }
            new MutationObserver((list) => {
              for (const { type } of list) type === "characterData" ? seen.texts++ : seen.others++
            }).observe(document.querySelector(".chain tbody"), { subtree: true, childList: true, characterData: true })`)
        )
        const changes = Effect.promise(() => page.evaluate("seen") as Promise<{ texts: number; others: number }>)
        send?.(update("delta", 1))
        yield* eventually("400 cells", changes, ({ texts }) => texts === rows)
        send?.(update("delta", 1))
        send?.(update("delta", 2))
        // A row out of view is written a little later, in any order, and is not rendered; its text is still present.
        yield* eventually("400 more", changes, ({ texts }) => texts >= 2 * rows)
        const last = Effect.promise(() => page.locator('tr[data-strike="39950"] td.call.k-last').textContent())
        assert.strictEqual(yield* last, "102.00")
        assert.deepStrictEqual(yield* changes, { texts: 2 * rows, others: 0 })
      }).pipe(Effect.scoped),
    300_000
  )
})
