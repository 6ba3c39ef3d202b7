import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"

const root = join(import.meta.dirname, "../..")
let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tarang-run-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a script with this main part and this end. */
const ran = (main: string, atEnd: string) => {
  const file = join(folder, "script.mjs")
  writeFileSync(
    file,
    `import { rmSync } from "node:fs"
import { start } from ${JSON.stringify(join(root, "scripts/lib/children.mjs"))}
import { Plain } from ${JSON.stringify(join(root, "scripts/lib/paths.mjs"))}
import { run } from ${JSON.stringify(join(root, "scripts/lib/run.mjs"))}
run(async () => { ${main} }, { atEnd: () => { ${atEnd} } })
`
  )
  const { status, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" })
  return { status, stderr }
}

describe("the end of a script", () => {
  it("prints an error of the clean-up as a sentence without a stack, and still stops the programs", () => {
    const held = join(folder, "held")
    mkdirSync(join(held, "run.json"), { recursive: true })
    const main = `
      const child = start("sleeper", process.execPath, ["-e", "setInterval(() => {}, 1000)"], { log: "terminal" })
      child.ended.then(() => console.error("the program has ended"))`
    const { status, stderr } = ran(main, `rmSync(${JSON.stringify(join(held, "run.json"))})`)
    assert.strictEqual(status, 1)
    assert.match(stderr, /Path is a directory/)
    assert.match(stderr, /the program has ended/)
    assert.notMatch(stderr, /\n {4}at /)
  })

  it("ends with the code of the main part if nothing fails", () => {
    assert.deepStrictEqual(ran("return 3", ""), { status: 3, stderr: "" })
  })

  it("prints both failures if the main part and the clean-up fail", () => {
    const { status, stderr } = ran(`throw new Plain("The main part failed.")`, `throw new Plain("The clean-up failed.")`)
    assert.deepStrictEqual([status, stderr], [1, "The main part failed.\nThe clean-up failed.\n"])
  })
})
