import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { judge, resultsOf, rowsOf } from "../../scripts/lib/behaviours.mjs"

const list = `
# A list
Some prose with TC-XXX-001 in it.

| id | what must hold |
|---|---|
| TC-GRK-001, TC-GRK-002 | delta |
| TC-GRK-003 | gamma |
| BE-FIN-01 | money |

| row | then | now |
|---|---|---|
| TC-GRK-009 | this | that |

| id | floor |
|---|---|
| TC-PERF-001 | 100 ms |
`
const tests = (...results: ReadonlyArray<readonly [string, string]>) => ({
  testResults: [{ assertionResults: results.map(([title, status]) => ({ title, status })) }]
})
const verdicts = (report: Parameters<typeof resultsOf>[0], benches: Parameters<typeof resultsOf>[1] = []) =>
  Object.fromEntries(judge(rowsOf(list), resultsOf(report, benches)).rows.map(({ id, verdict }) => [id, verdict]))

describe("behaviours", () => {
  it("a cell with several ids gives several rows, and only tables of ids count", () => {
    assert.deepStrictEqual(
      rowsOf(list).map(({ id, text }) => `${id} ${text}`),
      ["TC-GRK-001 delta", "TC-GRK-002 delta", "TC-GRK-003 gamma", "BE-FIN-01 money", "TC-PERF-001 100 ms"]
    )
  })

  it("a row is proven only by a passing test whose title starts with its id", () => {
    const found = verdicts(tests(["TC-GRK-001 call delta", "passed"], ["like TC-GRK-002", "passed"], ["BE-FIN-01: money", "passed"]))
    assert.deepStrictEqual(found, {
      "TC-GRK-001": "passed",
      "TC-GRK-002": "none",
      "TC-GRK-003": "none",
      "BE-FIN-01": "passed",
      "TC-PERF-001": "none"
    })
  })

  it("one failing test of an id fails it, and a skipped one alone proves nothing", () => {
    const found = verdicts(
      tests(
        ["TC-GRK-001 a", "passed"],
        ["TC-GRK-001 b", "failed"],
        ["TC-GRK-002 a", "pending"],
        ["TC-GRK-003 a", "skipped"],
        ["TC-GRK-003 b", "passed"]
      )
    )
    assert.deepStrictEqual([found["TC-GRK-001"], found["TC-GRK-002"], found["TC-GRK-003"]], ["failed", "skipped", "passed"])
  })

  it("a performance row is judged by its entry of a benchmark report", () => {
    assert.strictEqual(verdicts({}, [{ entries: [{ id: "TC-PERF-001", ok: true }] }])["TC-PERF-001"], "passed")
    assert.strictEqual(verdicts({}, [{ entries: [{ id: "TC-PERF-001", ok: false }] }])["TC-PERF-001"], "failed")
    assert.strictEqual(verdicts({}, [{ entries: [{ id: "TC-PERF-001" }] }])["TC-PERF-001"], "failed")
  })

  it("a row with tests and a benchmark is proven if both pass", () => {
    const of = (status: string, ok: boolean) =>
      verdicts(tests(["TC-PERF-001 all of it", status]), [{ entries: [{ id: "TC-PERF-001", ok }] }])["TC-PERF-001"]
    assert.deepStrictEqual(
      [of("passed", true), of("passed", false), of("failed", true), of("pending", true), of("pending", false)],
      ["passed", "failed", "failed", "skipped", "failed"]
    )
  })

  it("names an id without a row", () => {
    const results = resultsOf(tests(["TC-GRK-404 typo", "passed"], ["TC-GRK-0010 longer", "passed"]), [])
    assert.deepStrictEqual(judge(rowsOf(list), results).unknown, ["TC-GRK-0010", "TC-GRK-404"])
  })

  it("the project's list has every area, and no id twice", () => {
    const ids = rowsOf(readFileSync(join(import.meta.dirname, "../../docs/behaviours.md"), "utf8")).map(({ id }) => id)
    assert.strictEqual(new Set(ids).size, ids.length)
    const areas = new Set(ids.map((id) => id.replace(/-\d+$/, "")))
    for (const area of ["MATL", "WSP", "WSS", "GRK", "ORD", "SUB", "ERR", "PERF", "REG"]) assert.isTrue(areas.has(`TC-${area}`), area)
    for (const area of ["FIN", "DAT", "API", "DB", "SVC", "SEC", "OPS", "RES"]) assert.isTrue(areas.has(`BE-${area}`), area)
  })
})
