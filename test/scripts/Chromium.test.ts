import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { inject, vi } from "vitest"
import { chromium, isUnwanted } from "../../scripts/lib/chromium.mjs"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(inject("backends").folder, "chromium-"))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})
const textOf = () =>
  chromium().then(
    () => "no error",
    (error: Error) => error.message
  )

describe("Chromium", () => {
  it("explains what to install if Chromium is missing", async () => {
    vi.stubEnv("TARANG_CHROMIUM", "path")
    vi.stubEnv("PATH", folder)
    assert.match(await textOf(), /^No Chromium .*\(TARANG_CHROMIUM=path forbids every other way\.\) Install it.*apt-get install chromium/)
  })

  it("uses a named file, and refuses an unknown word", async () => {
    vi.stubEnv("TARANG_CHROMIUM", "/opt/chrome")
    assert.deepStrictEqual(await chromium(), { program: "/opt/chrome", env: {} })
    vi.stubEnv("TARANG_CHROMIUM", "firefox")
    assert.match(await textOf(), /TARANG_CHROMIUM is auto, path, package, .* not "firefox"/)
  })

  it("is disabled only if the user says so", () => {
    vi.stubEnv("TARANG_CHROMIUM", undefined)
    assert.isFalse(isUnwanted())
    vi.stubEnv("TARANG_CHROMIUM", "none")
    assert.isTrue(isUnwanted())
  })
})
