import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { exampleOf, type Json, operationsOf, send } from "../Operations.ts"
import { ask, eventually, start, token, world } from "../PlatformWorld.ts"

/** The broker's instruments and history, and the rulebook: the platform knows them also when nobody has created anything. */
const shipped: ReadonlySet<string> = new Set([
  "/instruments",
  "/instruments/fo-enabled",
  "/fo/instruments",
  "/calendar/holidays",
  "/indicators/history"
])

/** They need an account of the caller, or a login that has begun. */
const refusals: ReadonlyMap<string, number> = new Map([
  ["/orders/gtt", 422],
  ["/kite/callback", 409]
])

describe("A platform in which nobody has created anything", () => {
  it.live(
    "BE-DAT-06 answers every GET with a status of its document, and every list of what users create is empty and says its total",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 1 })
        const running = yield* start(config)
        yield* eventually("it is ready", ask(running, "/health/ready"), ({ status }) => status === 200)
        yield* eventually("instruments are loaded", ask(running, "/instruments"), ({ body }) => body.total > 0)
        const { body: document } = yield* ask(running, "/openapi.json")
        const as = (role: string) => Effect.map(token("nobody", role), (jwt) => ({ authorization: `Bearer ${jwt}` }))
        const [user, admin] = [yield* as("user"), yield* as("admin")]
        const wrong: Array<string> = []
        const filled = new Set<string>()
        let lists = 0
        for (const operation of operationsOf(document).filter(({ method }) => method === "GET"))
          for (const withOptional of [false, true]) {
            const request = exampleOf(operation, withOptional)
            const first = yield* send(running.url, request, user)
            const { status, text } = first.status === 403 ? yield* send(running.url, request, admin) : first
            const shown = `${operation.path} ${request.url}: ${status} ${text.slice(0, 300)}`
            const isRight = status === 200 || status === 404 || status === refusals.get(operation.path)
            if (!isRight || operation.declared.responses[status] === undefined) wrong.push(shown)
            if (status !== 200 || !text.startsWith("{")) continue
            const body: Json = JSON.parse(text)
            if (typeof body.total !== "number") continue
            lists++
            // A body may have another array, which names the columns of its items.
            const arrays = Object.values<Json>(body).filter(Array.isArray)
            if (!arrays.some(({ length }) => length <= body.total)) wrong.push(shown)
            if (body.total > 0) filled.add(operation.path)
          }
        assert.deepStrictEqual(wrong, [])
        assert.isAbove(lists, 20)
        assert.deepStrictEqual(
          [...filled].filter((path) => !shipped.has(path)),
          []
        )
      }).pipe(Effect.scoped),
    300_000
  )
})
