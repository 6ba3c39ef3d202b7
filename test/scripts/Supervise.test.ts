import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { inject } from "vitest"
import { isAlive } from "../../scripts/lib/children.mjs"
import { supervise } from "../../scripts/lib/supervise.mjs"
import { healMsMax, healthUntil, isWell, names, pidOf, underLoad } from "./Programs.ts"
import { begin, gone, pids, startMsMax, stopMsMax, until, up } from "./Started.ts"

describe("npm start keeps its programs running", () => {
  it(
    "BE-DB-05 restarts each killed program on its port with its data; terminal, health and clients notice it, and nothing acknowledged is lost or doubled",
    () =>
      underLoad(async ({ one, run, client, writer }) => {
        for (const name of names) {
          await healthUntil(run, `well before ${name} is killed`, isWell)
          const pid = pidOf(name)
          process.kill(pid, "SIGKILL")
          await until(`${name} is started again`, healMsMax, () => one.text().includes(`${name} runs again on port`))
          assert.include(one.text(), `${name} was killed by SIGKILL. Starting it again on port `)
          // It says so for a minute. On a busy machine it takes longer until all is well.
          await healthUntil(
            run,
            `/health says that ${name} was started again`,
            (now) => now?.status === "degraded" && now?.reason?.includes(`${name} was killed by SIGKILL at `) === true
          )
          const report = await healthUntil(
            run,
            `${name} is back`,
            (now) => isWell(now) && now?.restarts.some((found) => found.name === name && found.up_at !== null) === true
          )
          const said = report?.restarts.find((found) => found.name === name)
          assert.strictEqual(said?.reason, "was killed by SIGKILL")
          assert.notStrictEqual(pidOf(name), pid)
          const seen = client.ticks()
          await until(`ticks go on after ${name}`, healMsMax, () => client.ticks() > seen)
        }
        assert.isAbove(writer.refused(), 0, "what was not written was refused")
        assert.isAbove(client.ends(), 0, "the client's connection ended with the platform")
      }),
    startMsMax + 12 * healMsMax
  )

  it(
    "a second end within a minute stops everything with the reason",
    async () => {
      const one = begin("--empty")
      await up(one)
      const running = pids()
      process.kill(pidOf("Redis"), "SIGKILL")
      await until("Redis is started again", healMsMax, () => one.text().includes("Redis runs again on port"))
      process.kill(pidOf("Redis"), "SIGKILL")
      assert.strictEqual(await one.exit, 1)
      assert.include(one.text(), "Redis was killed by SIGKILL, the second time within 60 s. Its last lines:")
      await gone(running)
      await until("nothing is left", stopMsMax, () => !pids().some(isAlive))
    },
    startMsMax + healMsMax + 3 * stopMsMax
  )
})

describe("supervise", () => {
  it("a program that cannot go on where it stopped is not started again: its end stops everything, with the reason", async () => {
    let starts = 0
    const ended = Promise.resolve({ code: null, by: "SIGKILL" })
    const part = {
      name: "The simulator",
      port: 1,
      child: () => ({ ended, output: () => "its last line" }),
      again: async () => void starts++
    }
    const folder = mkdtempSync(join(inject("backends").folder, "supervise-"))
    const failed = await supervise([{ ...part, whyNotAgain: "It would begin again." }], join(folder, "restarts.json")).then(
      () => "resolved",
      (error: Error) => error.message
    )
    assert.strictEqual(failed, "The simulator was killed by SIGKILL. It would begin again. Its last lines:\nits last line")
    assert.strictEqual(starts, 0)
    rmSync(folder, { recursive: true })
  })

  it("BE-RES-01 a program that stays mute after a full disk is stopped and started again, at most five times within an hour", async () => {
    let starts = 0
    let stops = 0
    const folder = mkdtempSync(join(inject("backends").folder, "supervise-"))
    const list = join(folder, "restarts.json")
    const part = {
      name: "NATS",
      port: 1,
      folder,
      staysMute: true,
      child: () => ({
        ended: new Promise<never>(() => {}),
        output: () => "write 2.blk: no space left on device",
        isUp: () => true,
        stop: async () => void stops++
      }),
      again: async () => void starts++
    }
    const failed = await supervise([part], list).then(
      () => "resolved",
      (error: Error) => error.message
    )
    assert.strictEqual(
      failed,
      `NATS found no room on the disk of ${folder}, 6 times within an hour. Give it more room, then run npm start again.`
    )
    assert.deepStrictEqual([stops, starts], [5, 5])
    const said = JSON.parse(readFileSync(list, "utf8"))
    assert.lengthOf(said, 5)
    assert.match(said[0].reason, /^found no room on the disk of .* \(it is started again when 64\.0 MB are free\)$/)
    assert.isNotNull(said[0].up_at)
    rmSync(folder, { recursive: true })
  })
})
