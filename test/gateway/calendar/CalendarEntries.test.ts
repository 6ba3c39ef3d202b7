import { assert, layer } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { ask, eventually, World, world } from "../GatewayWorld.ts"

const admin = { as: "root", role: "admin" } as const
const source = ["circular 1"]
const day = (date: string, more: object = {}) => ({ date, name: "Flood", kind: "holiday", calendars: ["NSE_FO"], source, ...more })
const post = (body: object) => ask("/calendar/holidays", { ...admin, method: "POST", body })
const session = (date: string) =>
  Effect.map(ask(`/calendar/hours?exchange=NFO&date=${date}`), ({ body }) => body.session?.closes_at?.slice(11, 16) ?? null)
const entryOf = (date: string) => Effect.map(ask(`/calendar/holidays?exchange=NFO&from=${date}&to=${date}`), ({ body }) => body.holidays[0])

layer(world(), { excludeTestServices: true })("Calendar entries", (it) => {
  it.effect("BE-SVC-04 an entry applies at once, can be changed and deleted, and records its author", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* session("2026-09-15"), "10:10")
      const made = yield* post(day("2026-09-15"))
      assert.strictEqual(made.status, 201)
      const { id } = made.body
      assert.strictEqual(yield* session("2026-09-15"), null)
      assert.deepInclude(yield* entryOf("2026-09-15"), { id, name: "Flood", kind: "holiday", source })
      const next = yield* ask("/calendar/next-trading-day?exchange=NFO&date=2026-09-14")
      assert.notStrictEqual(next.body.next_trading_day, "2026-09-15")

      const put = { method: "PUT", body: day("2026-09-15", { kind: "special_open", sessions: ["continuous 10:00-12:00"] }) }
      assert.strictEqual((yield* ask(`/calendar/holidays/${id}`, { ...admin, ...put })).status, 200)
      assert.strictEqual(yield* session("2026-09-15"), "06:30")
      const removed = yield* ask(`/calendar/holidays/${id}`, { as: "other", role: "admin", method: "DELETE" })
      assert.strictEqual(removed.status, 200)
      assert.strictEqual(yield* session("2026-09-15"), "10:10")
      const { body: status } = yield* ask("/calendar/status?exchange=NFO")
      assert.strictEqual(status.rules, removed.body.rules)

      const { body } = yield* ask("/calendar/holidays/changes?limit=3", admin)
      assert.deepStrictEqual(
        body.changes.map((one: { id: number; action: string; changed_by: string }) => [one.id, one.action, one.changed_by]),
        [
          [id, "deleted", "other"],
          [id, "changed", "root"],
          [id, "created", "root"]
        ]
      )
      assert.match(body.changes[0].changed_at, /^\d{4}-\d\d-\d\dT/)
    })
  )

  it.effect("BE-SEC-04 BE-SVC-04 only an administrator changes the calendar or reads its changes", () =>
    Effect.gen(function* () {
      const requests = [
        ["/calendar/holidays", { method: "POST", body: day("2026-09-16") }],
        ["/calendar/holidays/1", { method: "PUT", body: day("2026-09-16") }],
        ["/calendar/holidays/1", { method: "DELETE" }],
        ["/calendar/holidays/import", { method: "POST", body: { entries: [day("2026-09-16")] } }],
        ["/calendar/holidays/changes", {}]
      ] as const
      for (const [path, request] of requests) {
        assert.strictEqual((yield* ask(path, request)).status, 403, path)
        assert.strictEqual((yield* ask(path, { ...request, as: null })).status, 401, path)
      }
      assert.strictEqual(yield* session("2026-09-16"), "10:10")
    })
  )

  it.effect("BE-SVC-04 an unknown segment, bad hours and fields of another kind are 422 with their field; a missing entry is 404", () =>
    Effect.gen(function* () {
      const refused: ReadonlyArray<readonly [body: object, field: string, why: RegExp]> = [
        [day("2026-09-17", { calendars: ["NYSE"] }), "calendars.0", /expected one of NSE_CM/],
        [
          { entry: "hours", segment: "NYSE", from: "2026-09-17", phases: ["continuous 09:15-15:30"], source },
          "segment",
          /expected one of NSE_CM/
        ],
        [day("2026-09-17", { kind: "special_open", sessions: ["continuous 9-15"] }), "sessions", /continuous 09:15-15:30/],
        [day("2026-02-30"), "date", /expected a day/],
        [day("2026-09-17", { kind: "feast" }), "kind", /expected one of holiday/],
        [day("2026-09-17", { source: [] }), "source", /must not be empty/],
        [day("2026-09-17", { segment: "NSE_FO" }), "segment", /no such field/]
      ]
      for (const [body, field, why] of refused) {
        const answer = yield* post(body)
        assert.strictEqual(answer.status, 422, JSON.stringify(body))
        assert.strictEqual(answer.body.errors[0].field, field)
        assert.match(answer.body.errors[0].message, why)
      }
      for (const id of ["999999", "0", "99999999999999999999"])
        assert.strictEqual((yield* ask(`/calendar/holidays/${id}`, { ...admin, method: "DELETE" })).status, 404)
    })
  )

  it.effect("BE-SVC-04 a second entry for one day is refused and names the first", () =>
    Effect.gen(function* () {
      const { body: first } = yield* post(day("2026-09-21"))
      const second = yield* post(day("2026-09-21", { calendars: ["NSE_CM", "NSE_FO"] }))
      assert.strictEqual(second.status, 409)
      assert.match(second.body.detail, new RegExp(`Entry ${first.id} already decides 2026-09-21 of NSE_FO`))
      const both = yield* Effect.all([post(day("2026-09-22")), post(day("2026-09-22"))], { concurrency: 2 })
      assert.deepStrictEqual(both.map(({ status }) => status).sort(), [201, 409])
    })
  )

  it.effect("BE-SVC-04 an import is all or nothing, and the same list again changes nothing", () =>
    Effect.gen(function* () {
      const send = (entries: ReadonlyArray<object>) => ask("/calendar/holidays/import", { ...admin, method: "POST", body: { entries } })
      const year = { entry: "known", calendars: ["NSE_FO"], from: "2027-01-01", to: "2027-12-31", source }
      const list = [year, day("2027-01-26"), day("2027-03-22")]
      const bad = yield* send([...list, day("2027-04-14", { sessions: ["continuous 09:15-10:00"] })])
      assert.strictEqual(bad.status, 422)
      assert.strictEqual(bad.body.errors[0].field, "entries.3.sessions")
      assert.strictEqual((yield* ask("/calendar/hours?exchange=NFO&date=2027-03-02")).status, 404)

      const first = yield* send(list)
      assert.deepInclude(first.body, { created: 3, changed: 0, unchanged: 0 })
      assert.strictEqual(yield* session("2027-03-02"), "10:10")
      assert.strictEqual(yield* session("2027-03-22"), null)
      const again = yield* send(list)
      assert.deepInclude(again.body, { created: 0, changed: 0, unchanged: 3, rules: first.body.rules })
      const corrected = yield* send([year, day("2027-01-26", { name: "Republic Day" }), day("2027-03-22")])
      assert.deepInclude(corrected.body, { created: 0, changed: 1, unchanged: 2 })
      assert.strictEqual((yield* entryOf("2027-01-26")).name, "Republic Day")
    })
  )

  it.scoped("BE-SVC-04 a change is announced: a running process applies it without a restart, and one that starts later reads it", () =>
    Effect.gen(function* () {
      const { nats, databaseUrl, engine } = yield* World
      const another = Layer.build(world({ nats: Effect.succeed(nats), database: Effect.succeed(databaseUrl) }))
      const beside = yield* another
      assert.strictEqual(yield* Effect.provide(session("2026-09-24"), beside), "10:10")

      const heard: Array<string> = []
      const requestOf = (data: Uint8Array) =>
        Either.match(Subjects.Changed.decodeEither(data), { onLeft: () => "unreadable", onRight: ({ request_id }) => request_id })
      const subscription = engine.nc.subscribe(Subjects.Changed.at({ what: "rules" }), {
        callback: (_, message) => heard.push(requestOf(message.data))
      })
      yield* Effect.promise(() => engine.nc.flush())
      const answer = yield* post(day("2026-09-24"))
      const isHeard = Effect.sync(() => heard.includes(String(answer.headers.get("x-request-id"))))
      yield* eventually("the announcement on ctl.", isHeard)
      subscription.unsubscribe()
      yield* eventually(
        "the entry beside",
        Effect.map(Effect.provide(session("2026-09-24"), beside), (closes) => closes === null)
      )
      const later = yield* another
      assert.strictEqual(yield* Effect.provide(session("2026-09-24"), later), null)
    })
  )
})
