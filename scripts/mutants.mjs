import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { start } from "./lib/children.mjs"
import { install } from "./lib/install.mjs"
import { judge, reportOf } from "./lib/mutants.mjs"
import { Plain, readOr, root } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"

const listFile = "test/domain/orders/survivors.json"
const reportFile = "bench/reports/mutants.md"
const resultFile = join(root, ".cache/mutants.json")

// npm run mutants: changes the deciders of orders one expression at a time, and names every change that no test notices.
run(async () => {
  await install()
  rmSync(resultFile, { force: true })
  const program = join(root, "node_modules/@stryker-mutator/core/bin/stryker.js")
  await start("stryker", process.execPath, [program, "run", "stryker.config.json", ...process.argv.slice(2)], {
    cwd: root,
    log: "terminal"
  }).ended
  const result = readOr(resultFile, "")
  if (result === "") throw new Plain("Stryker did not finish; its own text is above.")
  const list = JSON.parse(readFileSync(join(root, listFile), "utf8"))
  const { counts, gone, unlisted } = judge(JSON.parse(result), list)
  for (const one of unlisted) process.stderr.write(`survives and is not in ${listFile}: ${JSON.stringify(one)}\n`)
  for (const one of gone) process.stderr.write(`is in ${listFile}, but does not survive: ${JSON.stringify(one)}\n`)
  if (unlisted.length + gone.length > 0) return 1
  writeFileSync(join(root, reportFile), reportOf(counts, list))
  process.stdout.write(`Every mutant is killed or explained: ${reportFile}\n`)
  return 0
})
