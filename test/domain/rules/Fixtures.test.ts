import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { run } from "../../calc/Run.ts"

interface Fixture {
  readonly id: string
  readonly ask: string
  readonly answer: unknown
}

const text = readFileSync(new URL("../../data/rules/fixtures.json", import.meta.url), "utf8")
const { fixtures }: { readonly fixtures: ReadonlyArray<Fixture> } = JSON.parse(text)

describe("the questions of fixtures.json", () => {
  it("BE-DAY-01 every question gets its answer from the rulebook", async () => {
    const questions = fixtures.map(({ answer: _, ...question }) => question)
    const { output, problems } = await run("rules", JSON.stringify({ fixtures: questions }))
    assert.deepStrictEqual(problems, [])
    const answered: { readonly fixtures: ReadonlyArray<Fixture> } = JSON.parse(output)
    assert.strictEqual(answered.fixtures.length, 369)
    for (const [at, { id, ask, answer }] of fixtures.entries())
      assert.deepStrictEqual({ id, ask, answer: answered.fixtures[at]?.answer }, { id, ask, answer })
  })
})
