import { mkdirSync, rmSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { start } from "./lib/children.mjs"
import { shiftedEnv } from "./lib/clock.mjs"
import { install } from "./lib/install.mjs"
import { log, readOr, root } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"

/** Every test file's process starts at this instant. The two that end in 50 pass their boundary while the file runs. */
const clocks = [
  ["a Sunday, when no market is open", "2026-12-06T06:00:00Z"],
  ["ten seconds before the close of an expiry day", "2026-12-01T09:59:50Z"],
  ["ten seconds before the year's end in UTC", "2026-12-31T23:59:50Z"]
]

/**
 * The tests of parts that read the machine's clock: sessions, expiries, days, tokens, staleness. src/domain is not among them, because
 * nothing there reads a clock. The whole suite at each instant would take too long for CI.
 * NATS reads the kernel's clock without libc, so its clock is not shifted. Tests that compare its stamps with this process's clock are
 * therefore not in the list.
 */
const clockReading = [
  "test/simulator/Simulator",
  "test/simulator/synthetic",
  "test/simulator/KiteRest",
  "test/broker/Broker",
  "test/actors/history",
  "test/actors/instruments",
  "test/actors/market",
  "test/actors/settlements",
  "test/actors/subscriptions",
  "test/gateway/history",
  "test/gateway/chains",
  "test/gateway/indicators",
  "test/gateway/shared",
  "test/gateway/strategies/Positions",
  "test/gateway/ticks/TokenNames",
  "test/gateway/sockets/WebSocket",
  "test/platform/orders/AccountLimits",
  "test/platform/market/Bars",
  "test/platform/record/Recorded"
]

/** Together the three runs have a few more workers than there are processors: these tests wait for a part of their time. */
const workers = Math.ceil(availableParallelism() / clocks.length)

const data = join(root, ".data")

/** Runs the tests at one instant, then prints the run's output in one piece. Answers whether all of them passed. */
const isPassed = async ([name, at], files, env) => {
  const output = join(data, `clock-${process.pid}-${Date.parse(at)}.log`)
  const args = ["run", "--coverage.enabled=false", `--poolOptions.forks.maxForks=${workers}`, ...files]
  const runner = start(`vitest at ${at}`, process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), ...args], {
    cwd: root,
    log: output,
    env: { ...env, ...(await shiftedEnv(Date.parse(at))) }
  })
  const { code, by } = await runner.ended
  log(`\nAt ${at}, ${name}:\n${readOr(output, "")}${by === null ? "" : `The runner was ended by ${by}.\n`}`)
  rmSync(output, { force: true })
  return code === 0
}

run(async () => {
  await install()
  mkdirSync(data, { recursive: true })
  const some = process.argv.slice(2)
  // Recorded days have a clock of their own, which does not depend on the machine's: npm test plays them once.
  const { TARANG_REFERENCE_DATA: _, ...env } = process.env
  const passed = await Promise.all(clocks.map((clock) => isPassed(clock, some.length === 0 ? clockReading : some, env)))
  const failed = clocks.filter((_, at) => !passed[at]).map(([, at]) => at)
  log(failed.length === 0 ? "\nEvery clock passed." : `\nFailed at ${failed.join(", ")}: the text above says where.`)
  return failed.length === 0 ? 0 : 1
})
