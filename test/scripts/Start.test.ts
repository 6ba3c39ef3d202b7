import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { connect } from "nats"
import { isAlive } from "../../scripts/lib/children.mjs"
import { sixMinutes } from "../platform/record/RecordedWorld.ts"
import { api, begin, dataFolder, gone, isRunning, pids, readRun, startMsMax, stopMsMax, until, up } from "./Started.ts"

/** Runs the commands of docs/operations.md that back a stopped folder up and restore it, after the folder is lost. */
const restore = () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8")
  const [, block = ""] = /^```bash\n(# back up: [\s\S]*?)^```/m.exec(text) ?? []
  const commands = block.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
  assert.deepStrictEqual(
    commands.map((line) => line.split(" ")[0]),
    ["tar", "mkdir", "tar", "npm"]
  )
  const [backUp = "", ...others] = commands.slice(0, 3).map((line) => line.replaceAll(".data", basename(dataFolder())))
  const [make = "", unpack = ""] = others
  const run = (command: string) => execFileSync("bash", ["-c", command], { cwd: dirname(dataFolder()), stdio: "pipe" })
  const archive = join(dirname(dataFolder()), `${basename(dataFolder())}.tgz`)
  run(backUp.replace("tarang-data.tgz", archive))
  rmSync(dataFolder(), { recursive: true })
  run(make)
  run(unpack.replace("tarang-data.tgz", archive))
  rmSync(archive)
}

/** The kinds of actors that have run in a process, by its log. */
const actorsIn = (log: string): ReadonlySet<string> =>
  new Set(
    readFileSync(join(dataFolder(), log), "utf8")
      .split("\n")
      .filter((line) => line.includes('"actor runs here"'))
      .map((line) => (JSON.parse(line) as { readonly annotations: { readonly actor: string } }).annotations.actor)
  )

describe("npm start", () => {
  it(
    "runs everything, prints the addresses, locks its folder, stops everything, and uses the same data again after a backup and its restore",
    async () => {
      const first = begin("--empty", "--user", "u1", "--rate", "2", "--seed", "7")
      const run = await up(first)
      assert.strictEqual(run.pid, first.child.pid)
      // It is printed once the file exists.
      await until("the announcement", stopMsMax, () => first.text().includes("Up after"))
      assert.match(first.text(), new RegExp(`gateway +${run.gateway_url} +\\(\\d+ is taken\\)`))
      assert.include(first.text(), run.token)
      assert.strictEqual(run.docs_url, `${run.gateway_url}/docs`)
      assert.strictEqual((await fetch(run.docs_url)).status, 200)
      assert.strictEqual((await fetch(`${run.gateway_url}/health/ready`)).status, 200)
      assert.strictEqual((await fetch(`${run.simulator_url}/market`)).status, 200)
      const page = `${run.simulator_url}/connect/login?v=3&api_key=${run.simulator_account?.api_key}`
      assert.match((await fetch(page, { redirect: "manual" })).headers.get("location") ?? "", /request_token=[0-9a-f]{32}/)
      assert.strictEqual((await api(run, "GET", "/auth/test")).status, 200)
      assert.strictEqual((await api(run, "GET", "/subscriptions")).body["total"], 0)

      const nats = new URL(run.nats_url)
      const nc = await connect({ servers: nats.host, user: nats.username, pass: decodeURIComponent(nats.password) })
      assert.isTrue(
        await (await nc.jetstreamManager({ apiPrefix: "tarang.JS.API", checkAPI: false })).streams.info("MD_FRAMES").then(() => true)
      )
      await nc.close()
      assert.match(run.nats_reader_url, /^nats:\/\/reader:/)

      await until("actors run", startMsMax, () => actorsIn("market.log").has("director") && actorsIn("orders.log").has("executor"))
      assert.deepStrictEqual([[...actorsIn("platform.log")], [...actorsIn("orders.log")]], [[], ["executor"]])
      assert.isFalse(actorsIn("market.log").has("executor"))
      const urls = [run.gateway_url, run.orders_url ?? "", run.market_url ?? ""]
      assert.lengthOf(new Set(urls), 3)
      for (const url of urls) assert.match(await (await fetch(`${url}/metrics`)).text(), /^effect_fiber_/m)

      const { body } = await api(run, "POST", "/strategies", { name: "kept over a restart" })
      const second = begin()
      assert.strictEqual(await second.exit, 1)
      assert.match(second.text(), /already runs on .*: http:\/\/127\.0\.0\.1:\d+ \(process \d+\)/)
      assert.deepStrictEqual(readRun(), run)

      const running = pids()
      assert.isAtLeast(running.length, 4)
      assert.isTrue(running.every(isAlive))
      first.child.kill("SIGINT")
      assert.strictEqual(await first.exit, 0)
      assert.isFalse(isRunning())
      await gone(running)

      restore()
      const again = begin("--empty", "--user", "u1")
      const later = await up(again)
      const found = await api({ ...later, token: run.token }, "GET", `/strategies/${String(body["strategy_id"])}`)
      assert.deepStrictEqual([found.status, found.body["name"]], [200, "kept over a restart"])

      const orphans = pids()
      again.child.kill("SIGKILL")
      await gone(orphans)
      await until("run.json is gone", stopMsMax, () => !isRunning())
    },
    3 * startMsMax + 5 * stopMsMax
  )

  it(
    "a second recording in the same folder shows only its own chain, and the terminal prints what the file contains",
    async () => {
      const shown = async (name: string, csv: string, ...more: ReadonlyArray<string>) => {
        const file = join(dataFolder(), name)
        writeFileSync(file, csv)
        const one = begin("--market", "recorded", "--file", file, "--speed", "max", ...more)
        const run = await up(one)
        assert.deepStrictEqual([run.market_url, typeof run.orders_url], [null, "string"]) // the gateway shares the market's process
        await until("the numbers", startMsMax, () => /net premium/.test(one.text()))
        for (const endMs = Date.now() + startMsMax; (await api(run, "GET", "/health")).body["market"] !== undefined; await sleep(200)) {
          if (((await api(run, "GET", "/health")).body["market"] as { state: string }).state === "ended") break
          assert.isBelow(Date.now(), endMs, "the recording does not end")
        }
        const { body } = await api(run, "GET", "/fo/strikes?symbol=NIFTY&expiry=2026-08-25")
        await api(run, "POST", "/strategies", { name: "of the run before" })
        const strategies = (await api(run, "GET", "/strategies")).body["total"]
        one.child.kill("SIGINT")
        assert.strictEqual(await one.exit, 0, one.text())
        return {
          text: one.text(),
          spot: body["spot"],
          strikes: (body["strikes"] as Array<{ strike: number }>).map(({ strike }) => strike),
          strategies
        }
      }
      const ladder = (first: number) => Array.from({ length: 11 }, (_, at) => first + at * 50)
      const first = await shown("day.csv", sixMinutes())
      assert.deepStrictEqual([first.strikes, first.spot, first.strategies], [ladder(23_800), 24_065.75, 2])
      assert.match(first.text, /market +RECORDED 19 Aug 2026 \d\d:\d\d:00, as fast as it can/)
      assert.match(
        first.text,
        /recording +day\.csv: 44 contracts; 44 of them not in the instruments dump \(made-up tokens\); 1 line skipped .*in contracts, shown in units/
      )
      const second = await shown("other.csv", sixMinutes(1_000), "--oi", "units")
      assert.deepStrictEqual([second.strikes, second.spot, second.strategies], [ladder(24_800), 25_065.75, 2])
      assert.match(second.text, /other\.csv: 44 contracts.*in units\n/)
      assert.match(second.text, /NIFTY {2}250\d\d/)
      assert.notMatch(second.text, /NIFTY {2}240\d\d/)
    },
    6 * startMsMax
  )

  it(
    "prints the simulated day and the pace of a market of days",
    async () => {
      const one = begin("--market", "days", "--from", "2026-07-27", "--days", "1", "--speed", "600", "--user", "u1")
      const run = await up(one)
      await until("the announcement", startMsMax, () => one.text().includes("Up after"))
      assert.match(one.text(), /^ *market {2,}SIMULATED 2[678] Jul 2026 \d\d:\d\d:\d\d, 600 times as fast/m)
      assert.strictEqual(((await api(run, "GET", "/health")).body["market"] as { mode: string }).mode, "days")
      one.child.kill("SIGINT")
      assert.strictEqual(await one.exit, 0, one.text())
    },
    startMsMax + 2 * stopMsMax
  )

  it("refuses an unknown option before anything starts", async () => {
    const wrong = begin("--spede", "60")
    assert.strictEqual(await wrong.exit, 1)
    assert.match(wrong.text(), /Unknown option '--spede'/)
    assert.isFalse(existsSync(join(dataFolder(), "start.pid")))
  })

  it(
    "a folder that cannot be used, and a file of ours that is broken, are said in a sentence with what to do",
    async () => {
      const said = async (text: RegExp, ...args: ReadonlyArray<string>) => {
        const one = begin(...args)
        assert.strictEqual(await one.exit, 1)
        assert.match(one.text(), text)
        assert.notMatch(one.text(), /\n {4}at |^\{/m)
      }
      writeFileSync(join(dataFolder(), "recorded"), "a file")
      const day = join(dataFolder(), "day.csv")
      writeFileSync(day, sixMinutes())
      await said(/A file is in the place of a folder: remove it/, "--market", "recorded", "--file", day)
      writeFileSync(join(dataFolder(), "nats.users.json"), "{")
      await said(/nats\.users\.json is no JSON.*: remove it, and the next start makes it again\.$/m)
    },
    2 * startMsMax
  )

  it(
    "says why a program does not come up, and leaves nothing behind",
    async () => {
      writeFileSync(join(dataFolder(), "accounts.json"), '[{"account_id":"sim 1"}]')
      const broken = begin()
      assert.strictEqual(await broken.exit, 1)
      assert.match(
        broken.text(),
        /^The simulator does not start: ACCOUNTS_FILE \S+accounts\.simulator\.json: \[0\]\.api_key is missing; docs\/operations\.md shows the form$/m
      )
      assert.isFalse(isRunning())
      await gone(pids())
    },
    2 * startMsMax
  )
})
