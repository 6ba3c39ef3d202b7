import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { inject } from "vitest"
import { folderFilesMax, fullFolders, functionLinesMax, longFunctions } from "../scripts/lib/sizes.mjs"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(inject("backends").folder, "sizes-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const write = (path: string, text: string) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}
/** The lines of a function's body, so that the function itself has `lines` lines. */
const body = (lines: number) => "  count += 1\n".repeat(lines - 2)

describe("longFunctions", () => {
  it("accepts a function of exactly the limit", () => {
    write("src/A.ts", `export const grow = () => {\n${body(functionLinesMax)}}\n`)
    assert.deepStrictEqual(longFunctions(folder, ["src"]), [])
  })

  it("names the file, the line and the constant of an arrow function that is one line too long", () => {
    write("src/deep/A.ts", `let count = 0\nexport const grow = () => {\n${body(functionLinesMax + 1)}}\n`)
    assert.deepStrictEqual(longFunctions(folder, ["src"]), ["src/deep/A.ts:2: grow has 101 lines; split it, 100 is the limit"])
  })

  it("counts declarations, methods and generators", () => {
    const long = body(functionLinesMax + 1)
    write("src/A.ts", `function first() {\n${long}}\nclass A {\n  second() {\n${long}}\n}\nconst third = run(function* () {\n${long}})\n`)
    assert.deepStrictEqual(
      longFunctions(folder, ["src"]).map((line) => line.split(" ")[1]),
      ["first", "second", "third"]
    )
  })

  it("counts what is inside a callback of describe, but not the callback", () => {
    const long = body(functionLinesMax + 1)
    write("test/A.test.ts", `describe("A", () => {\n  it("grows", () => {\n${long}})\n})\n`)
    assert.deepStrictEqual(longFunctions(folder, ["test"]), ["test/A.test.ts:2: a function has 101 lines; split it, 100 is the limit"])
  })
})

describe("fullFolders", () => {
  it("names a folder with one file too many, and does not count files of its sub-folders", () => {
    for (let at = 0; at < folderFilesMax; at++) {
      write(`src/room/${at}.ts`, "")
      write(`src/heap/${at}.ts`, "")
    }
    write("src/room/deeper/0.ts", "")
    assert.deepStrictEqual(fullFolders(folder, ["src"]), [])
    write("src/heap/more.ts", "")
    assert.deepStrictEqual(fullFolders(folder, ["src"]), ["src/heap: 26 files; give heap sub-folders, 25 is the limit"])
  })
})

describe("sizes", () => {
  it("hold in this project", () => {
    const root = join(import.meta.dirname, "..")
    assert.deepStrictEqual([...longFunctions(root, ["src", "web/src"]), ...fullFolders(root, ["src", "web/src", "test"])], [])
  })
})
