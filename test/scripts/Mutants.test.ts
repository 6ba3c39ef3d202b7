import { assert, describe, it } from "@effect/vitest"
import { judge, reportOf } from "../../scripts/lib/mutants.mjs"

const source = "const a = 1\n  if (a > 0) send()\n"
const mutant = (status: string, replacement: string) => ({
  status,
  mutatorName: "EqualityOperator",
  replacement,
  location: { start: { line: 2, column: 7 }, end: { line: 2, column: 12 } }
})
const survivor = { file: "src/a.ts", line: "if (a > 0) send()", mutator: "EqualityOperator", original: "a > 0", replacement: "a >= 0" }
const report = { files: { "src/a.ts": { source, mutants: [mutant("Survived", "a >= 0"), mutant("Killed", "a <= 0")] } } }

describe("npm run mutants", () => {
  it("names a survivor that the list does not explain, by its text", () => {
    assert.deepStrictEqual(judge(report, []), { counts: { "src/a.ts": { Survived: 1, Killed: 1 } }, unlisted: [survivor], gone: [] })
  })

  it("accepts a survivor with a reason, and names a reason whose mutant no longer survives", () => {
    const listed = { ...survivor, reason: "a is never 0" }
    assert.deepStrictEqual(judge(report, [listed]).unlisted, [])
    const killed = { ...listed, replacement: "a <= 0" }
    assert.deepStrictEqual(judge(report, [listed, killed]).gone, [killed])
    assert.throws(() => judge(report, [{ ...survivor, reason: "" }]), "no reason")
  })

  it("counts code that no test reaches as a survivor", () => {
    const unreached = { files: { "src/a.ts": { source, mutants: [mutant("NoCoverage", "a >= 0")] } } }
    assert.deepStrictEqual(judge(unreached, []).unlisted, [survivor])
  })

  it("writes how many were killed, and each reason", () => {
    const listed = { ...survivor, reason: "a is never 0." }
    const text = reportOf(judge(report, [listed]).counts, [listed])
    assert.include(text, "| `src/a.ts` | 2 | 1 | 1 |\n| all | 2 | 1 | 1 |")
    assert.include(text, "- `src/a.ts`, `if (a > 0) send()`: `a > 0` becomes `a >= 0`. a is never 0.")
    assert.include(reportOf({ "src/a.ts": { Killed: 3, Timeout: 1 } }, []), "| all | 4 | 4 | 0 |\n\n## Survivors\n\nNone.")
  })
})
