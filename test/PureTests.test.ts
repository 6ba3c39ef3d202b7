import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

/** The folders whose test files share one process (`pure` in vitest.config.ts). */
const foldersOfPage = readdirSync(join(import.meta.dirname, "web"), { withFileTypes: true }).filter((entry) => entry.isDirectory())
const folders = ["domain", ...foldersOfPage.map(({ name }) => join("web", name))]

/** What another file of the same process would see, or what needs a process of its own. */
const shared =
  /\bvi\.|process\.env\[[^\]]+\]\s*=[^=]|globalThis\.\w+\s*=[^=]|configureGlobal|TestBackends|(?:Browser|PageWorld|PlatformWorld|GatewayWorld)\.ts|node:child_process|process\.chdir/

describe("tests that share a process", () => {
  it("change nothing that another file could see, and start nothing", () => {
    const files = folders.flatMap((folder) =>
      readdirSync(join(import.meta.dirname, folder), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts"))
        .map((name) => join(folder, name))
    )
    assert.isAbove(files.length, 90)
    const wrong = files.filter((file) => shared.test(readFileSync(join(import.meta.dirname, file), "utf8")))
    assert.deepStrictEqual(wrong, [])
  })
})
