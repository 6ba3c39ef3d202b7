import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { judge, resultsOf, rowsOf } from "./lib/behaviours.mjs"
import { Plain, root } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"

const report = join(root, ".data", "test-report.json")
const benches = join(root, "bench", "reports")
const json = (file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch (error) {
    throw new Plain(`${file} is not a readable report: ${error.message}`)
  }
}

run(async () => {
  if (!existsSync(report)) throw new Plain(`There is no ${report} yet: run npm test (all of it) first.`)
  const benchReports = existsSync(benches) ? readdirSync(benches).filter((name) => name.endsWith(".json")) : []
  const { rows, unknown } = judge(
    rowsOf(readFileSync(join(root, "docs", "behaviours.md"), "utf8")),
    resultsOf(
      json(report),
      benchReports.map((name) => json(join(benches, name)))
    )
  )
  const says = { passed: "proven ", failed: "FAILED ", skipped: "skipped", none: "-      " }
  for (const { id, text, verdict } of rows)
    console.log(`${says[verdict]}  ${id.padEnd(12)}  ${text.length > 110 ? `${text.slice(0, 107)}...` : text}`)
  const count = (verdict) => rows.filter((row) => row.verdict === verdict).length
  console.log(
    `\n${rows.length} behaviours: ${count("passed")} proven, ${count("failed")} failed, ${count("skipped")} skipped, ${count("none")} without a test`
  )
  if (unknown.length > 0) console.log(`Titles with an id that docs/behaviours.md does not have: ${unknown.join(", ")}`)
  return count("failed") === 0 && unknown.length === 0 ? 0 : 1
})
