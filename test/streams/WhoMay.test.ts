import { readFileSync } from "node:fs"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { connect } from "nats"
import type { NatsRole } from "../../scripts/lib/backends.mjs"
import * as Subjects from "../../src/streams/Subjects.ts"
import { natsServer } from "../TestBackends.ts"
import { clientAs, Server, until } from "./Nats.ts"

/** A subject of each template of the catalogue, with buckets, dead letters and JetStream's interface beside them. */
const subjects: ReadonlyArray<string> = [
  ...Object.values(Subjects).flatMap((one) =>
    typeof one === "object" && "template" in one ? [String(one.template).replaceAll(/\{\w+\}/g, "x")] : []
  ),
  Subjects.deadLetter("x"),
  "$KV.actors.x",
  "$JS.API.STREAM.DELETE.STRAT",
  "$JS.ACK.MD_BARS.bar-writer.1.1.1.1.0"
]

/** What docs/subjects.md promises: the subjects that each user publishes and reads. */
const promised = (): ReadonlyMap<string, { readonly publishes: string; readonly reads: string }> => {
  const lines = readFileSync("docs/subjects.md", "utf8").split("\n")
  const rows = lines.slice(lines.findIndex((line) => line.startsWith("| user | account | publishes | reads |")) + 2)
  return new Map(
    rows.slice(0, rows.indexOf("")).map((row) => {
      const [user = "", , publishes = "", reads = ""] = row
        .split("|")
        .slice(1)
        .map((cell) => cell.trim())
      return [user, { publishes, reads }]
    })
  )
}
const isOf = (subject: string, cell: string): boolean =>
  cell === "everything" ||
  (cell === "all of the subjects above" && !subject.startsWith("$")) ||
  [...cell.matchAll(/`([a-z.]+)\.([*>])`/g)].some(([, root, end]) =>
    end === ">" ? subject.startsWith(`${root}.`) : subject.startsWith(`${root}.`) && !subject.slice(`${root}.`.length).includes(".")
  )

/** The subjects on which messages arrived. A subscription that is not allowed hears nothing. */
const listening = (role: NatsRole) =>
  Effect.gen(function* () {
    const nc = yield* clientAs(role)
    const heard = new Set<string>()
    for (const subject of subjects) nc.subscribe(subject, { callback: (error) => void (error === null && heard.add(subject)) })
    yield* Effect.promise(() => nc.flush())
    return { nc, heard }
  })

layer(Layer.scoped(Server, natsServer), { excludeTestServices: true })("who may on NATS", (it) => {
  it.scoped("BE-SEC-02 BE-ISO-02 each user reads and publishes what docs/subjects.md says, on every subject of the catalogue", () =>
    Effect.gen(function* () {
      assert.isAbove(subjects.length, 25)
      const rights = promised()
      assert.deepStrictEqual([...rights.keys()], ["engine", "gateway", "reader", "operator", "callout", "an owner"])
      const publishers = [yield* clientAs("engine"), yield* clientAs("gateway")]
      for (const role of ["gateway", "reader", "operator"] as const) {
        const { reads } = rights.get(role) ?? { reads: "" }
        const { heard, nc } = yield* listening(role)
        for (const publisher of publishers) for (const subject of subjects) publisher.publish(subject, "x")
        yield* Effect.promise(() => Promise.all(publishers.map((one) => one.flush())))
        const expected = subjects.filter((subject) => isOf(subject, reads))
        yield* until(`${role} hears all that it may`, () => expected.every((subject) => heard.has(subject)))
        yield* Effect.promise(() => nc.flush())
        assert.deepStrictEqual([...heard].toSorted(), [...new Set(expected)].toSorted(), role)
        yield* Effect.promise(() => nc.close())
      }
    })
  )

  it.scoped("BE-SEC-02 BE-ISO-02 nobody but engine and gateway publishes, and the gateway only what docs/subjects.md says", () =>
    Effect.gen(function* () {
      const rights = promised()
      const { heard, nc: engine } = yield* listening("engine")
      for (const role of ["reader", "operator", "gateway"] as const) {
        heard.clear()
        const nc = yield* clientAs(role)
        for (const subject of subjects) nc.publish(subject, "forged")
        yield* Effect.promise(() => nc.flush())
        yield* Effect.promise(() => engine.flush())
        const publishes = role === "gateway" ? (rights.get(role)?.publishes ?? "") : ""
        const expected = subjects.filter((subject) => isOf(subject, publishes))
        yield* until(`what ${role} may publish arrives`, () => expected.every((subject) => heard.has(subject)))
        assert.deepStrictEqual([...heard].toSorted(), expected.toSorted(), role)
      }
    })
  )

  it.scoped("BE-SEC-02 the user callout neither hears nor publishes a subject of the platform", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const nc = yield* Effect.acquireRelease(
        Effect.promise(() => connect({ servers: server.url, user: "callout", pass: server.callout.password, noAsyncTraces: true })),
        (it) => Effect.promise(() => it.close())
      )
      const { heard, nc: engine } = yield* listening("engine")
      const got: Array<string> = []
      for (const subject of [...subjects, ">", "$SYS.>"])
        nc.subscribe(subject, { callback: (error) => void (error === null && got.push(subject)) })
      for (const subject of subjects) nc.publish(subject, "forged")
      yield* Effect.promise(() => nc.flush())
      yield* Effect.promise(() => engine.flush())
      assert.deepStrictEqual([...heard], [])
      for (const subject of subjects) engine.publish(subject, "x")
      yield* Effect.promise(() => engine.flush())
      yield* Effect.promise(() => nc.flush())
      assert.deepStrictEqual(got, [])
    })
  )

  it.scoped("BE-SEC-01 nobody connects without a password, or with another user's", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const reader = server.as("reader")
      const codes = yield* Effect.forEach(
        [{ servers: server.url }, { ...reader, user: "engine" }, { ...reader, user: "operator" }, { ...reader, pass: "wrong" }],
        (options) =>
          Effect.promise(() =>
            connect({ ...options, reconnect: false }).then(
              async (nc) => {
                await nc.close()
                return "connected"
              },
              ({ code }: { code: string }) => code
            )
          )
      )
      assert.deepStrictEqual(codes, Array(4).fill("AUTHORIZATION_VIOLATION"))
    })
  )
})
