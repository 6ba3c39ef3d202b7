import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Either, Layer, Redacted } from "effect"
import { opened, sealed } from "../../scripts/lib/vault.mjs"
import { Accounts } from "../../src/broker/Accounts.ts"
import { parse } from "../../src/broker/AccountsFile.ts"
import * as Vault from "../../src/broker/Vault.ts"
import { canary, eventually, leaks } from "./KiteServer.ts"
import { noneLinked } from "./NoneLinked.ts"

const keyOf = (id: string) => ({ id, key: randomBytes(32) })
const lineOf = ({ id, key }: ReturnType<typeof keyOf>) => `${id} ${key.toString("base64")}\n`
const keysOf = (...all: ReadonlyArray<ReturnType<typeof keyOf>>) => Either.getOrThrow(Vault.parseKeys(all.map(lineOf).join("")))
const [k1, k2] = [keyOf("k1"), keyOf("k2")]
const row = {
  account_id: "A1",
  user_id: "AB1234",
  api_key: canary.apiKey,
  api_secret: canary.apiSecret,
  access_token: canary.accessToken
}

const problem = (stored: unknown, keys: Vault.Keys) => {
  const error = Either.getOrThrow(Either.flip(parse("accounts.json", JSON.stringify([stored]), keys)))
  assert.deepStrictEqual(leaks(`${error.message} ${JSON.stringify(error)} ${error.stack}`), [])
  return error.message
}

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "tarang-vault-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

describe("Vault", () => {
  it("BE-SEC-07 sealed secrets open with their key only, for their account and their field only", () => {
    const stored = sealed([k1], row)
    assert.deepStrictEqual(leaks(JSON.stringify(stored)), [])
    const [account] = Either.getOrThrow(parse("accounts.json", JSON.stringify([stored]), keysOf(k2, k1)))
    assert.strictEqual(Redacted.value(account!.apiKey), canary.apiKey)
    assert.strictEqual(Redacted.value(account!.apiSecret), canary.apiSecret)
    assert.strictEqual(account?.login._tag === "AccessToken" && Redacted.value(account.login.accessToken), canary.accessToken)
    assert.deepStrictEqual(opened([k1], stored), row)
    assert.notStrictEqual(sealed([k1], row)["api_secret"], stored["api_secret"], "each sealing has its own nonce")

    assert.match(problem(stored, keysOf(k2)), /\[0\]\.api_key is sealed with a key that ACCOUNTS_KEY_FILE does not have/)
    assert.match(problem(stored, Vault.noKeys), /\[0\]\.api_key is sealed with a key/)
    const cannot = /cannot be opened: it was changed, or it was sealed for another account or field/
    assert.match(problem({ ...stored, account_id: "A2" }, keysOf(k1)), cannot)
    assert.match(problem({ ...stored, access_token: stored["api_secret"] }, keysOf(k1)), /\[0\]\.access_token cannot be opened/)
    assert.match(problem({ ...stored, api_secret: `${String(stored["api_secret"]).slice(0, -4)}AAAA` }, keysOf(k1)), cannot)
    assert.match(problem({ ...stored, api_secret: "sealed:k1:" }, keysOf(k1)), cannot)
  })

  it.each([
    ["", /has no key/],
    ["k1", /line 1 is not/],
    ["k1 c2hvcnQ=", /line 1 is not "<id> <32 bytes in base64>"/],
    [`${lineOf(k1)}${lineOf(k1)}`, /line 2 lists the key k1 again/]
  ])("refuses the key file %j without quoting it", (text, expected) => {
    const found = Either.getOrThrow(Either.flip(Vault.parseKeys(text)))
    assert.match(found, expected)
    assert.notInclude(found, "c2hvcnQ=")
  })

  it.scopedLive("BE-SEC-07 npm run seal changes the key while the platform runs, and no secret stays in clear in the file", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const [accountsFile, keyFile] = [join(at, "accounts.json"), join(at, "accounts.keys")]
      const write = (file: string, text: string) => Effect.promise(() => writeFile(file, text, { mode: 0o600 }))
      const seal = Effect.promise(() =>
        promisify(execFile)(process.execPath, [join(import.meta.dirname, "../../scripts/seal.mjs")], {
          env: { ...process.env, ACCOUNTS_FILE: accountsFile, ACCOUNTS_KEY_FILE: keyFile }
        })
      )
      const stored = Effect.promise(() => readFile(accountsFile, "utf8"))
      yield* write(accountsFile, JSON.stringify([row]))
      yield* write(keyFile, lineOf(k1))
      yield* seal
      assert.deepStrictEqual(leaks(yield* stored), [])

      const config = new Map([
        ["ACCOUNTS_FILE", accountsFile],
        ["ACCOUNTS_KEY_FILE", keyFile]
      ])
      const accounts = Context.get(
        yield* Layer.build(
          Layer.provide(Layer.provide(Accounts.Default, noneLinked), Layer.setConfigProvider(ConfigProvider.fromMap(config)))
        ),
        Accounts
      )
      const secret = () => Either.map(accounts.byId("A1"), ({ apiSecret }) => Redacted.value(apiSecret))
      assert.deepStrictEqual(secret(), Either.right(canary.apiSecret))
      yield* write(keyFile, `${lineOf(k2)}${lineOf(k1)}`)
      yield* seal
      assert.match(yield* stored, /sealed:k2:/)
      assert.notMatch(yield* stored, /sealed:k1:/)
      yield* write(keyFile, lineOf(k2))
      // An account that only the new key opens shows that both files are in force.
      yield* write(accountsFile, JSON.stringify([sealed([k2], row), sealed([k2], { ...row, account_id: "A2" })]))
      yield* eventually("the new key is in force", () => accounts.ids().length === 2)
      assert.deepStrictEqual([accounts.problem(), secret()], [null, Either.right(canary.apiSecret)])
      yield* write(keyFile, "k2 nonsense")
      yield* eventually("a broken key file is reported", () => accounts.problem()?.includes("ACCOUNTS_KEY_FILE") === true)
      assert.deepStrictEqual(secret(), Either.right(canary.apiSecret))
    })
  )
})
