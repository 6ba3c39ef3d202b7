import { randomBytes } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Either, Layer, Option, Redacted } from "effect"
import { inject } from "vitest"
import * as LoginsInNats from "../../../src/adapters/LoginsInNats.ts"
import { Accounts } from "../../../src/broker/Accounts.ts"
import { AutomaticLogins, type Once } from "../../../src/broker/AutomaticLogins.ts"
import type { SignedIn } from "../../../src/broker/KiteLogin.ts"
import { LinkedAccounts } from "../../../src/broker/LinkedAccounts.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as KeyValue from "../../../src/streams/KeyValue.ts"
import { settings } from "../../streams/Nats.ts"
import { type NatsServer, natsServer, prefix } from "../../TestBackends.ts"

const nothingLinked = Layer.succeed(LinkedAccounts, { read: Effect.succeed({ accounts: [], sessions: [] }) })
const any = () => true

const files = (hasKeys: boolean) =>
  Effect.promise(async () => {
    const [accounts, keys] = ["json", "keys"].map((end) => join(inject("backends").folder, `${prefix()}.${end}`)) as [string, string]
    const row = { account_id: "a1", api_key: "key", api_secret: "secret", user_id: "A1", root: "http://127.0.0.1:1", login: "auto" }
    await writeFile(accounts, JSON.stringify([row]))
    await writeFile(keys, `k1 ${randomBytes(32).toString("base64")}\n`, { mode: 0o600 })
    return { ACCOUNTS_FILE: accounts, ...(hasKeys ? { ACCOUNTS_KEY_FILE: keys } : {}) }
  })

/** The logins of one account as a process of the platform has them, with a connection of its own. */
const processOn = (nats: NatsServer, config: Readonly<Record<string, string>>) =>
  Effect.map(
    Layer.build(
      Layer.fresh(
        LoginsInNats.layer.pipe(
          Layer.provide(Accounts.Default),
          Layer.provide(nothingLinked),
          Layer.provideMerge(JetStream.layer("engine")),
          Layer.provide(
            Layer.setConfigProvider(
              ConfigProvider.orElse(settings(nats, {}), () => ConfigProvider.fromMap(new Map(Object.entries(config))))
            )
          )
        )
      )
    ),
    (context) => ({ once: Context.get(context, AutomaticLogins).of("a1"), context })
  )

/** A broker where each login ends the token before it. */
const broker = () => {
  let logins = 0
  const login = Effect.sync((): SignedIn => ({ token: Redacted.make(`token ${++logins}`), signedInMs: 1_000 * logins }))
  return { login, logins: () => logins }
}
const tokenOf = (once: Once, isUsable: (session: SignedIn) => boolean, login: Effect.Effect<SignedIn>) =>
  Effect.map(once(isUsable, login), ({ token }) => Redacted.value(token))

describe("Automatic logins of several processes", () => {
  it.scopedLive("an account signs in once for all processes, and again once when its token is refused", () =>
    Effect.gen(function* () {
      const nats = yield* natsServer
      const config = yield* files(true)
      const processes = yield* Effect.all([processOn(nats, config), processOn(nats, config), processOn(nats, config)])
      const { login, logins } = broker()
      const all = (isUsable: (session: SignedIn) => boolean) =>
        Effect.forEach(processes, ({ once }) => tokenOf(once, isUsable, login), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* all(any), ["token 1", "token 1", "token 1"])
      assert.deepStrictEqual(yield* all(({ token }) => Redacted.value(token) !== "token 1"), ["token 2", "token 2", "token 2"])
      assert.strictEqual(logins(), 2)

      const { context } = processes[0]
      const kv = yield* KeyValue.open(KeyValue.sessions).pipe(Effect.provide(context))
      const stored = Option.match(yield* kv.get("a1"), { onNone: () => "", onSome: ({ value }) => new TextDecoder().decode(value) })
      assert.match(stored, /sealed:/)
      assert.notInclude(stored, "token 2")
    })
  )

  it.scopedLive("a login that fails is not shared, and the next process signs in", () =>
    Effect.gen(function* () {
      const nats = yield* natsServer
      const config = yield* files(true)
      const [first, second] = yield* Effect.all([processOn(nats, config), processOn(nats, config)])
      const failed = yield* Effect.either(first.once(any, Effect.fail("refused")))
      assert.deepStrictEqual(failed, Either.left("refused"))
      const { login } = broker()
      assert.strictEqual(yield* tokenOf(second.once, any, login), "token 1")
    })
  )

  it.scopedLive("without a key that seals it nothing is shared: each process signs in by itself", () =>
    Effect.gen(function* () {
      const nats = yield* natsServer
      const config = yield* files(false)
      const [first, second] = yield* Effect.all([processOn(nats, config), processOn(nats, config)])
      const { login } = broker()
      assert.strictEqual(yield* tokenOf(first.once, any, login), "token 1")
      assert.strictEqual(yield* tokenOf(second.once, any, login), "token 2")
    })
  )
})
