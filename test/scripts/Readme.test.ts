/** Follows the README word by word in a copy of this folder as a clone has it: without packages, backends, builds and data. */
import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, delimiter, dirname, join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulator from "../../src/simulator/Simulator.ts"
import { gone, pidsOf, type Run, stopMsMax, until } from "./Started.ts"

const root = join(import.meta.dirname, "../..")
/** The first start installs, fetches the backends and builds; a busy machine needs minutes. */
const freshMsMax = 480_000
const liveMsMax = 300_000

const readme = readFileSync(join(root, "README.md"), "utf8")
/** The code blocks of the section under a heading, as printed. */
const blocks = (heading: string, language: string) => {
  const [, section = ""] = readme.split(`\n${heading}\n`)
  const [text = ""] = section.split(/\n##+ /)
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].flatMap(([, found, code = ""]) => (found === language ? [code] : []))
}

/** What .gitignore names, and git's own folder. */
const isCloned = (path: string) =>
  !/^(node_modules|dist|coverage|\.cache|\.data|\.env|\.git)$|\.(tsbuildinfo|log)$/.test(basename(path)) &&
  path !== join(root, "tools/contract/out")

let clone = ""
beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), "tarang-clone-"))
  chmodSync(clone, 0o755) // where root runs the tests, Postgres is another user
  cpSync(root, clone, { recursive: true, filter: isCloned })
})

const started: Array<ChildProcess> = []
afterAll(async () => {
  for (const child of started) if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), "SIGTERM")
  await gone(started.map(({ pid }) => pid ?? 0))
  rmSync(clone, { recursive: true, force: true })
})

/** A person's environment: this one without the variables of the tests and of the platform. The first Node on the PATH is this one. */
const environment = () => {
  const ours =
    /^(VITEST|NODE_|npm_lifecycle|npm_package|npm_command|INIT_CWD|NATS_|JWT_|GATEWAY_|MARKET_|SIMULATOR_|TARANG_(DATA|TEST))|^(TEST|DATABASE_URL|REDIS_URL|ACCOUNTS_FILE|ROLES|SEED_USER)$/
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name))
  return { ...Object.fromEntries(kept), PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"]}` }
}

/** A program in the clone, in a process group like a terminal's. */
const begin = (program: string, ...args: ReadonlyArray<string>) => {
  const child = spawn(program, args, { cwd: clone, env: environment(), detached: true, stdio: ["pipe", "pipe", "pipe"] })
  started.push(child)
  let text = ""
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString()
    })
  const exit = new Promise<number | null>((resolve) => void child.once("close", resolve))
  return {
    exit,
    text: () => text,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    answer: (line: string) => void child.stdin.end(`${line}\n`),
    /** Ctrl-C in a terminal reaches every process of the group. */
    interrupt: () => void process.kill(-(child.pid ?? 0), "SIGINT")
  }
}
type Begun = ReturnType<typeof begin>

/** Lines of a shell. A line that fails ends it. */
const shell = (lines: string) => begin("bash", "-c", `set -euo pipefail\n${lines}`)

/** Waits for a text of a program that goes on running. */
const says = async (one: Begun, text: RegExp, limitMs: number) => {
  await until(String(text), limitMs, () => text.test(one.text()) || one.hasEnded()).catch((error: Error) =>
    assert.fail(`${error.message}:\n${one.text()}`)
  )
  assert.match(one.text(), text)
}

const runFile = () => join(clone, ".data/run.json")
const up = async (one: Begun, limitMs: number) => {
  await says(one, /Up after/, limitMs)
  return JSON.parse(readFileSync(runFile(), "utf8")) as Run
}
const stop = async (one: Begun, data: string) => {
  const running = pidsOf(data)
  assert.isAtLeast(running.length, 3)
  one.interrupt()
  await one.exit
  await gone(running)
  assert.isFalse(existsSync(runFile()))
}

/** Kite's login as the README's account meets it: its keys work at the simulator, and a person has to sign in. */
const standIn = Effect.gen(function* () {
  const [text = ""] = blocks("### A live market", "json")
  const [account] = JSON.parse(text) as ReadonlyArray<Record<"account_id" | "user_id" | "api_key" | "api_secret", string>>
  assert.isDefined(account)
  const { account_id: accountId = "", user_id: userId = "", api_key: apiKey = "", api_secret: apiSecret = "" } = account ?? {}
  const market = { mode: "synthetic", rate: 5, strikesEachSide: 12 } as const
  const simulator = yield* Simulator.make({ accounts: [{ accountId, userId, apiKey, apiSecret }], market })
  // Only the addresses differ from the printed file: without them the account is at Kite.
  const file = JSON.stringify([{ ...account, root: simulator.url, ws_root: simulator.wsUrl }])
  return { simulator, apiKey, file }
})

/** A person who opens the printed address, signs in, and pastes the address that the page redirects to. */
const signIn = async (one: Begun) => {
  await says(one, /Address after the login/, stopMsMax)
  const page = /http\S+\/connect\/login\S+/.exec(one.text())?.[0] ?? ""
  const response = await fetch(page, { redirect: "manual" })
  one.answer(response.headers.get("location") ?? "")
  await says(one, /is signed in/, stopMsMax)
}

describe("the README, followed word by word in an empty folder", () => {
  it(
    "its two commands run: npm start installs, fetches, builds and prints what the README shows; the snippets work in it; npm test runs a part",
    async () => {
      const [commands = "", printed = ""] = blocks("## Run it", "")
      assert.deepStrictEqual(
        commands.split("\n").map((line) => line.split("#")[0]?.trim()),
        ["npm start", "npm test", ""]
      )
      const one = shell("npm start")
      const run = await up(one, freshMsMax)
      const labels = (text: string) =>
        [...text.matchAll(/^ *(market|page|gateway|docs|nats|simulator|token) {2,}\S/gm)].map(([, label]) => label)
      assert.deepStrictEqual(labels(one.text()), labels(printed))
      assert.include(one.text(), printed.split("\n")[0]?.trim() ?? "-")
      assert.match(await (await fetch(`${run.gateway_url}/`)).text(), /<title>Tarang/)
      assert.strictEqual((await fetch(run.docs_url)).status, 200)
      await says(one, /NIFTY {2}[\d.]+ {2}\d{4}-\d\d-\d\d \d+: call /, stopMsMax)

      const price = "\\d+(?:\\.\\d+)?"
      const shells = blocks("## Listen, ask, stream", "sh")
      assert.strictEqual(shells.length, 1)
      const asked = shell(shells[0] ?? "")
      assert.strictEqual(await asked.exit, 0, asked.text())
      assert.isAbove((JSON.parse(asked.text()) as { readonly strikes: ReadonlyArray<unknown> }).strikes.length, 3)
      const wanted = [new RegExp(`^opt\\.chain\\.NSE\\.\\S+ ${price}$`, "m"), new RegExp(`^${price} \\d+$`, "m"), /strike/]
      const snippets = blocks("## Listen, ask, stream", "js")
      assert.strictEqual(snippets.length, wanted.length)
      for (const [at, code] of snippets.entries()) {
        const file = `snippet-${at}.mjs`
        writeFileSync(join(clone, file), code)
        const snippet = begin("node", file)
        await says(snippet, wanted[at] ?? /^$/, stopMsMax)
        snippet.interrupt()
        await snippet.exit
      }
      await stop(one, join(clone, ".data"))

      const [, part = ""] = /`(npm test -- \S+)` runs a part/.exec(readme) ?? []
      const tests = shell(part)
      assert.strictEqual(await tests.exit, 0, tests.text())
      assert.match(tests.text(), /^\d+ passed, 0 failed/m)
    },
    4 * freshMsMax
  )

  it.live(
    "its live recipe runs against a stand-in for Kite's login, and the running platform uses a second login without a restart",
    () =>
      Effect.gen(function* () {
        const { simulator, apiKey, file } = yield* standIn
        const [recipe = ""] = blocks("### A live market", "sh")
        yield* Effect.promise(async () => {
          writeFileSync(join(clone, "accounts.json"), file)
          const one = shell(recipe)
          await signIn(one)
          const run = await up(one, freshMsMax)
          // Until its first tick a live market counts as closed.
          assert.match(one.text(), /^ *market {2,}(LIVE|CLOSED)/m)
          assert.match(one.text(), /^ *simulator {2,}none: the market is live/m)
          const { market } = (await (await fetch(`${run.gateway_url}/health`)).json()) as { readonly market: { readonly mode: string } }
          assert.strictEqual(market.mode, "live")
          await says(one, /NIFTY {2}[\d.]+ {2}\d{4}-\d\d-\d\d \d+: call /, stopMsMax)

          const [setting = "", login = ""] = recipe.split("\n")
          const again = shell(`${setting}\n${login}`)
          await signIn(again)
          assert.strictEqual(await again.exit, 0, again.text())
          // The second login ended the first session, so only the new one can connect.
          simulator.cut(apiKey)
          await until("the cut connection is closed", stopMsMax, () => simulator.stats().connections === 0)
          await until("the running platform streams again", liveMsMax, () => simulator.stats().subscriptions > 0)
          await stop(one, join(clone, ".data/live"))
        })
      }).pipe(Effect.scoped),
    2 * freshMsMax + 3 * liveMsMax
  )
})
