import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { untilStopped } from "../TestBackends.ts"
import { healMsMax, healthUntil, isWell, type Name, names, pidOf, type Report, underLoad } from "./Programs.ts"
import { startMsMax, until } from "./Started.ts"

/** Postgres serves each connection in a process of its own. */
const processesOf = (name: Name): ReadonlyArray<number> => {
  const pid = pidOf(name)
  const all = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n")
  const children = all.map((line) => line.trim().split(/\s+/).map(Number)).filter(([, parent]) => parent === pid)
  return [pid, ...children.flatMap(([child]) => child ?? [])]
}
/** A program that is frozen is connected but mute. */
const freeze = (name: Name) => {
  const frozen = processesOf(name)
  for (const pid of frozen) {
    process.kill(pid, "SIGSTOP")
    untilStopped(pid)
  }
  return () => {
    for (const pid of frozen) process.kill(pid, "SIGCONT")
  }
}
/** How /health says that a program does not answer. A frozen platform does not answer at all. */
const isSaid: Readonly<Record<Name, (report: Report | undefined) => boolean>> = {
  Redis: (report) => report?.reason?.includes("Redis") === true,
  Postgres: (report) => report?.reason?.includes("database") === true,
  NATS: (report) => report?.reason?.includes("NATS is down") === true,
  "The simulator": (report) => report !== undefined && Object.values(report.ticker.accounts).every(({ state }) => state !== "streaming"),
  "The orders' process": (report) => report?.reason?.includes("order_executor_unavailable") === true,
  "The market's process": (report) => report?.reason?.match(/ticker .* is silent/) != null,
  "The platform": (report) => report === undefined
}

describe("npm start while its programs fail one by one under load", () => {
  it(
    "BE-DB-05 each is frozen and resumed, and each is stopped and started again: /health shows it, and nothing acknowledged is lost or doubled",
    () =>
      underLoad(async ({ one, run, client, writer }) => {
        const goesOn = async (what: string) => {
          await healthUntil(run, `well after ${what}`, isWell)
          const [ticks, written] = [client.ticks(), writer.acknowledged.size]
          await until(`ticks go on after ${what}`, healMsMax, () => client.ticks() > ticks)
          await until(`strategies are written after ${what}`, healMsMax, () => writer.acknowledged.size > written)
        }
        await goesOn("the start")
        for (const name of names) {
          const thaw = freeze(name)
          try {
            await healthUntil(run, `/health says that ${name} is frozen`, isSaid[name])
          } finally {
            thaw()
          }
          await goesOn(`${name} was frozen`)
        }
        assert.notInclude(one.text(), "Starting it again", "a program that is frozen is not started again")
        for (const name of names) {
          // Postgres ends its connections only at this signal.
          process.kill(pidOf(name), name === "Postgres" ? "SIGINT" : "SIGTERM")
          await until(`${name} is started again`, healMsMax, () => one.text().includes(`${name} runs again on port`))
          // It says so for a minute. On a busy machine it takes longer until all goes on.
          const report = await healthUntil(
            run,
            `/health says that ${name} was started again`,
            (now) => now?.status === "degraded" && new RegExp(`${name} (ended|was killed)`).test(now?.reason ?? "")
          )
          assert.match(
            report?.restarts.find((found) => found.name === name)?.reason ?? "",
            /^(ended with code|was killed by SIG(TERM|INT))/
          )
          await goesOn(`${name} was stopped`)
        }
      }),
    startMsMax + 20 * healMsMax
  )
})
