import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Either, Redacted } from "effect"
import { type Account, Login } from "../../src/broker/Account.ts"
import * as AccountsFile from "../../src/broker/AccountsFile.ts"
import * as KiteLogin from "../../src/broker/KiteLogin.ts"
import * as LinkedAccounts from "../../src/broker/LinkedAccounts.ts"
import * as Vault from "../../src/broker/Vault.ts"
import { AccountId } from "../../src/domain/Ids.ts"
import { accessToken, account as fileAccount } from "./KiteServer.ts"

const keys: Vault.Keys = new Map([["k1", Redacted.make(randomBytes(32))]])
const others: Vault.Keys = new Map([["k9", Redacted.make(randomBytes(32))]])
const sealed = (account: string, field: Vault.Field, text: string, by = keys) =>
  Redacted.make(Vault.seal(by, { account, field }, Redacted.make(text)) ?? "no keys")
const place = { root: "http://broker", socketRoot: "ws://broker", source: "simulator" } as const
const linked = (id: string, by = keys): LinkedAccounts.LinkedAccount => ({
  accountId: AccountId.make(id),
  owner: "u1",
  userId: "AB1234",
  apiKey: sealed(id, "api_key", `key of ${id}`, by),
  apiSecret: sealed(id, "api_secret", `secret of ${id}`, by)
})
const session = (id: string, token: string, signedInMs: number): LinkedAccounts.StoredSession => ({
  accountId: id,
  accessToken: sealed(id, "access_token", token),
  signedInMs
})
const tokenOf = ({ login }: Account) => (Login.$is("AccessToken")(login) ? Redacted.value(login.accessToken) : login._tag)
const inFile = (accountId: string, login: Login) => fileAccount({ root: "http://file", accountId, login })
const merged = (
  file: ReadonlyArray<Account>,
  accounts: ReadonlyArray<LinkedAccounts.LinkedAccount>,
  sessions: LinkedAccounts.Stored["sessions"]
) => LinkedAccounts.merge(file, { accounts, sessions }, keys, place)

describe("accounts of the file and of the store", () => {
  it("a linked account is at the operator's broker, belongs to the user who linked it, and has the session that was stored", () => {
    const { accounts, problems } = merged([], [linked("mine"), linked("new")], [session("mine", "t1", 5)])
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(
      accounts.map((one) => [
        one.accountId,
        Redacted.value(one.apiKey),
        Redacted.value(one.apiSecret),
        one.root,
        one.owners.join(),
        tokenOf(one)
      ]),
      [
        ["mine", "key of mine", "secret of mine", "http://broker", "u1", "t1"],
        ["new", "key of new", "secret of new", "http://broker", "u1", "Absent"]
      ]
    )
  })

  it("the newest login counts for an account of the file, and one that signs in by itself stays so", () => {
    const file = [
      inFile("later", accessToken("file", 10)),
      inFile("earlier", accessToken("file", 3)),
      inFile("unknown", accessToken("file", null)),
      inFile("none", Login.Absent()),
      inFile("auto", Login.Auto())
    ]
    const { accounts } = merged(
      file,
      [],
      file.map(({ accountId }) => session(accountId, "stored", 5))
    )
    assert.deepStrictEqual(accounts.map(tokenOf), ["file", "stored", "stored", "stored", "Auto"])
  })

  it("a secret that cannot be opened costs its own account only, and no problem quotes it", () => {
    const broken = { ...session("two", "t2", 5), accessToken: sealed("other", "access_token", "t2") }
    const { accounts, problems } = merged([], [linked("one", others), linked("two"), linked("three")], [broken, session("three", "t3", 5)])
    assert.deepStrictEqual(
      accounts.map((one) => `${one.accountId} ${tokenOf(one)}`),
      ["two Absent", "three t3"]
    )
    assert.deepStrictEqual(problems, [
      "api_key of account one is sealed with a key that ACCOUNTS_KEY_FILE does not have",
      "access_token of account two cannot be opened: it was changed, or it was sealed for another account or field"
    ])
  })

  it("a process that withholds tokens knows who is signed in since when, and has no token of the file or of the store", () => {
    const row = { account_id: "file", user_id: "AB1", api_key: "key", api_secret: "secret" }
    const rows = [
      { ...row, access_token: "plain", signed_in_at: "2026-08-03T03:20:00Z" },
      { ...row, account_id: "sealed", access_token: Redacted.value(sealed("sealed", "access_token", "t9")) },
      { ...row, account_id: "once", request_token: "plain" },
      { ...row, account_id: "none" }
    ]
    const file = Either.getOrThrow(AccountsFile.parse("accounts.json", JSON.stringify(rows), keys, "withheld"))
    const stored = { accounts: [linked("mine")], sessions: [session("mine", "t1", 5), session("none", "t2", 7)] }
    const { accounts, problems } = LinkedAccounts.merge(file, stored, keys, place, "withheld")
    assert.deepStrictEqual(problems, [])
    const all = accounts.map(({ accountId, login }) => [
      String(accountId),
      login._tag,
      Login.$is("AccessToken")(login) ? login.signedInMs : null
    ])
    assert.deepStrictEqual(all, [
      ["file", "AccessToken", Date.parse("2026-08-03T03:20:00Z")],
      ["sealed", "AccessToken", null],
      ["once", "RequestToken", null],
      ["none", "AccessToken", 7],
      ["mine", "AccessToken", 5]
    ])
    const withheld = Redacted.value(Vault.withheld)
    const tokens = accounts.map(({ login }) => KiteLogin.broughtBy(login))
    assert.deepStrictEqual([...new Set(tokens)], [withheld])
    assert.strictEqual(Redacted.value(accounts.at(-1)!.apiSecret), "secret of mine", "it checks a postback's sender by this")
  })

  it("a linked account stays the user's when the file names its id later", () => {
    const { accounts, problems } = merged([inFile("mine", Login.Auto())], [linked("mine")], [])
    assert.deepStrictEqual(
      accounts.map(({ origin }) => origin),
      ["linked"]
    )
    assert.match(problems.join(), /account mine is in ACCOUNTS_FILE, and a user linked one of the same id/)
  })
})
