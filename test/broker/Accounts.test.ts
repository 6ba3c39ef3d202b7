import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Either, Layer, Redacted } from "effect"
import { inject } from "vitest"
import { Accounts } from "../../src/broker/Accounts.ts"
import { parse } from "../../src/broker/AccountsFile.ts"
import { canary, eventually, leaks } from "./KiteServer.ts"
import { noneLinked } from "./NoneLinked.ts"

const row = { account_id: "SIM1", user_id: "AB1234", api_key: canary.apiKey, api_secret: canary.apiSecret }
const problem = (content: unknown) => {
  const text = typeof content === "string" ? content : JSON.stringify(content)
  const parsed = parse("accounts.json", text)
  assert.isTrue(Either.isLeft(parsed), `accepted: ${text}`)
  const error = Either.getOrThrow(Either.flip(parsed))
  assert.deepStrictEqual(leaks(`${error.message} ${JSON.stringify(error)} ${String(error)} ${error.stack}`), [])
  return error.message
}
const read = (content: unknown) => Either.getOrThrow(parse("accounts.json", JSON.stringify(content)))

describe("Accounts", () => {
  it("reads a Kite account", () => {
    const [one] = read([{ ...row, access_token: canary.accessToken }])
    assert.strictEqual(one?.accountId, "SIM1")
    assert.strictEqual(one?.root, "https://api.kite.trade")
    assert.strictEqual(one?.socketRoot, "wss://ws.kite.trade")
    assert.strictEqual(one?.source, "kite")
    assert.strictEqual(one?.login._tag === "AccessToken" && Redacted.value(one.login.accessToken), canary.accessToken)
    assert.strictEqual(Redacted.value(one!.apiSecret), canary.apiSecret)
  })

  it.each(["https://api.kite.trade", "https://api.kite.trade/", "https://API.kite.trade:443"])(
    "Kite's own address written out as root, %s, is Kite with Kite's socket host",
    (root) => {
      const [one] = read([{ ...row, root, access_token: canary.accessToken }])
      assert.deepStrictEqual([one?.root, one?.socketRoot, one?.source], ["https://api.kite.trade", "wss://ws.kite.trade", "kite"])
      assert.match(problem([{ ...row, root, login: "auto" }]), /"auto" needs the root of a simulator/)
    }
  )

  it("reads a simulator account; without ws_root its socket is at the host of root", () => {
    const [derived, named] = read([
      { ...row, root: "http://127.0.0.1:9000/", login: "auto" },
      { ...row, account_id: "SIM2", root: "http://127.0.0.1:9000", ws_root: "ws://127.0.0.1:9001", login: "auto" }
    ])
    assert.deepStrictEqual(
      [derived?.root, derived?.socketRoot, derived?.source],
      ["http://127.0.0.1:9000", "ws://127.0.0.1:9000", "simulator"]
    )
    assert.strictEqual(named?.socketRoot, "ws://127.0.0.1:9001")
    assert.strictEqual(derived?.login._tag, "Auto")
  })

  it("reads an account with a request token, and one without any token", () => {
    const [first, second] = read([
      { ...row, request_token: canary.requestToken },
      { ...row, account_id: "B" }
    ])
    assert.deepStrictEqual([first?.login._tag, second?.login._tag], ["RequestToken", "Absent"])
  })

  it("never prints a secret", () => {
    const accounts = read([{ ...row, access_token: canary.accessToken }])
    assert.deepStrictEqual(leaks(`${JSON.stringify(accounts)} ${String(accounts[0]?.apiKey)}`), [])
  })

  it.each([
    [
      "a file that is not JSON, without quoting it",
      `[{"api_secret": ${canary.apiSecret}}]`,
      /^ACCOUNTS_FILE accounts.json: is not valid JSON; docs\/operations.md shows the form$/
    ],
    ["no array", { ...row }, /accounts.json: must be an array of accounts/],
    ["no account", [], /has no account/],
    ["a missing field", [{ ...row, api_secret: undefined }], /\[0\]\.api_secret is missing/],
    [
      "a secret that is not text, without its value",
      [row, { ...row, account_id: "B", api_secret: 77123456 }],
      /\[1\]\.api_secret must be text; docs\/operations.md shows the form$/
    ],
    [
      "a secret with spaces, without its value",
      [{ ...row, api_key: `${canary.apiKey} x` }],
      /\[0\]\.api_key must be 1 to 512 characters without spaces; docs\/operations.md shows the form$/
    ],
    ["an unknown field", [{ ...row, acces_token: canary.accessToken }], /\[0\]\.acces_token is not a field of an account/],
    ["an id that cannot stand in a subject", [{ ...row, account_id: "a.b" }], /\[0\]\.account_id must be 1 to 64 characters/],
    ["an id twice", [row, row], /\[1\]\.account_id SIM1 is listed twice/],
    ["a root that is no address", [{ ...row, root: "localhost:1" }], /\[0\]\.root must be an http or https address/],
    ["a socket root that is no address", [{ ...row, ws_root: "http://x" }], /\[0\]\.ws_root must be a ws or wss address/],
    ["a login that we do not have", [{ ...row, login: "password" }], /\[0\]\.login can only be "auto"/],
    ["an automatic login at Kite itself", [{ ...row, login: "auto" }], /\[0\]\.login "auto" needs the root of a simulator/]
  ] as const)("names file and field: %s", (_, content, expected) => {
    assert.match(problem(content), expected)
  })

  const service = (path: string | null) =>
    Effect.map(
      Layer.build(
        Layer.provide(
          Layer.provide(Accounts.Default, noneLinked),
          Layer.setConfigProvider(ConfigProvider.fromMap(new Map(path === null ? [] : [["ACCOUNTS_FILE", path]])))
        )
      ),
      Context.get(Accounts)
    )

  it.scoped("the service reads the file named by ACCOUNTS_FILE", () =>
    Effect.gen(function* () {
      const path = join(inject("backends").folder, "accounts-test.json")
      yield* Effect.promise(() => writeFile(path, JSON.stringify([row, { ...row, account_id: "SIM2" }])))
      const accounts = yield* service(path)
      assert.deepStrictEqual(accounts.ids().map(String), ["SIM1", "SIM2"])
      assert.strictEqual(Either.getOrThrow(accounts.byId("SIM2")).accountId, "SIM2")
      const unknown = Either.getOrThrow(Either.flip(accounts.byId("X")))
      assert.strictEqual(unknown.message, "there is no account X in ACCOUNTS_FILE (it has SIM1, SIM2)")
    })
  )

  it.scopedLive("a file that changes is in force within seconds; one that cannot be used changes nothing and is reported", () =>
    Effect.gen(function* () {
      const path = join(inject("backends").folder, "accounts-changes.json")
      const write = (content: unknown) =>
        Effect.promise(() => writeFile(path, typeof content === "string" ? content : JSON.stringify(content)))
      const login = (id: string) => Either.map(accounts.byId(id), (one) => one.login._tag)
      yield* write([row])
      const accounts = yield* service(path)
      yield* write([
        { ...row, access_token: canary.accessToken, signed_in_at: "2026-08-03T03:20:00Z" },
        { ...row, account_id: "SIM2" }
      ])
      yield* eventually("both accounts", () => accounts.ids().length === 2)
      assert.deepStrictEqual(login("SIM1"), Either.right("AccessToken"))

      yield* write(`[{"account_id": "SIM3", "api_secret": "${canary.apiSecret}`)
      yield* eventually("a problem", () => accounts.problem() !== null)
      assert.match(accounts.problem() ?? "", /accounts-changes.json: is not valid JSON/)
      yield* write([row, { ...row, account_id: "SIM4", api_key: `${canary.apiKey} ` }])
      yield* eventually("another problem", () => accounts.problem()?.includes("[1].api_key") === true)
      assert.deepStrictEqual(leaks(accounts.problem() ?? ""), [])
      assert.deepStrictEqual(accounts.ids().map(String), ["SIM1", "SIM2"])
      yield* Effect.promise(() => rm(path))
      yield* eventually("no file", () => accounts.problem()?.includes("there is no such file") === true)

      yield* write([{ ...row, account_id: "SIM2" }])
      yield* eventually("in force", () => accounts.problem() === null && accounts.ids().length === 1)
      assert.isTrue(Either.isLeft(accounts.byId("SIM1")))
    })
  )

  it.scoped("the service names the missing file, or the missing setting", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(service("/nowhere/accounts.json"))
      assert.strictEqual(missing.message, "ACCOUNTS_FILE /nowhere/accounts.json: there is no such file; docs/operations.md shows the form")
      assert.match(String(yield* Effect.flip(service(null))), /ACCOUNTS_FILE/)
    })
  )
})
