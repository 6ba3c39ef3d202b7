import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { inject } from "vitest"
import { importCircles, wrongBrowserImports, wrongImports, wrongScriptImports } from "../scripts/lib/imports.mjs"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(inject("backends").folder, "imports-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const write = (files: Readonly<Record<string, string>>) => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

describe("import directions", () => {
  it("hold in this project", () => {
    assert.deepStrictEqual(wrongImports(join(import.meta.dirname, "../src")), [])
    assert.deepStrictEqual(wrongBrowserImports(join(import.meta.dirname, "../src"), "client/Client.ts"), [])
    assert.deepStrictEqual(wrongScriptImports(join(import.meta.dirname, "../scripts")), [])
    assert.deepStrictEqual(importCircles(join(import.meta.dirname, ".."), ["src", "web/src"]), [])
  })

  it("let every folder import the folders below it", () => {
    const src = write({
      "domain/market/Frame.ts":
        'import * as Money from "../Money.ts"\nimport { Either } from "effect"\nimport { Decimal } from "decimal.js"',
      "metrics/A.ts": 'import { Metric } from "effect"',
      "contract/A.ts": 'import "../domain/Money.ts"',
      "streams/A.ts": 'import "../domain/Money.ts"\nimport "../metrics/A.ts"\nimport { connect } from "nats"',
      "store/A.ts": 'import "../domain/Money.ts"\nimport "./B.ts"',
      "broker/A.ts": 'import "../domain/Money.ts"',
      "actors/A.ts": 'import "../domain/Money.ts"\nimport "../streams/A.ts"\nimport "../store/A.ts"\nimport "../broker/A.ts"',
      "gateway/A.ts": 'import "../domain/Money.ts"\nimport "../contract/A.ts"\nimport "../streams/A.ts"\nimport "../store/A.ts"',
      "gateway/chains/A.ts": 'import "../shared/B.ts"\nimport "./C.ts"',
      "gateway/Gateway.ts": 'import "./chains/A.ts"',
      "simulator/A.ts": 'import "../domain/Money.ts"',
      "client/A.ts": 'import "../domain/Money.ts"\nimport "../contract/A.ts"\nimport "../streams/Subjects.ts"\nimport "./B.ts"',
      "main.ts": 'import "./actors/A.ts"\nimport "./gateway/A.ts"\nimport "./simulator/A.ts"'
    })
    assert.deepStrictEqual(wrongImports(src), [])
  })

  const forbidden: ReadonlyArray<readonly [path: string, text: string, why: RegExp]> = [
    ["domain/A.ts", 'import "../streams/B.ts"', /^src\/domain\/A\.ts: domain must not import streams \(\.\.\/streams\/B\.ts\)/],
    ["domain/A.ts", 'import { readFileSync } from "node:fs"', /domain imports only effect and decimal\.js, not node:fs/],
    ["domain/A.ts", 'import * as PgClient from "@effect/sql-pg/PgClient"', /not @effect\/sql-pg/],
    ["gateway/A.ts", 'import { HttpApi } from "@effect/platform"', /import a single module of @effect\/platform/],
    ["domain/options/A.ts", 'export * from "../../store/B.ts"', /domain must not import store/],
    ["streams/A.ts", 'import type { B } from "../store/B.ts"', /streams must not import store/],
    ["store/A.ts", 'const b = await import("../broker/B.ts")', /store must not import broker/],
    ["broker/A.ts", 'import "../actors/B.ts"', /broker must not import actors/],
    ["actors/A.ts", 'import "../gateway/B.ts"', /actors must not import gateway/],
    ["gateway/A.ts", 'import "../actors/B.ts"', /gateway must not import actors/],
    ["gateway/A.ts", 'import "../main.ts"', /gateway must not import main/],
    ["simulator/A.ts", 'import "../broker/B.ts"', /simulator must not import broker/],
    ["client/A.ts", 'import "../gateway/sockets/Hub.ts"', /client must not import gateway/],
    ["client/A.ts", 'import "../streams/JetStream.ts"', /client must not import streams \(\.\.\/streams\/JetStream\.ts\)/],
    ["contract/A.ts", 'import "../gateway/Gateway.ts"', /contract must not import gateway/],
    ["actors/edge/A.ts", 'import { connect } from "nats"', /only streams imports nats, not actors/],
    ["domain/market/A.ts", 'import "../options/B.ts"', /domain\/market must not import domain\/options, which comes after it/],
    ["gateway/chains/A.ts", 'import "../ticks/B.ts"', /gateway\/chains must not import gateway\/ticks, which .* is in the same group/],
    ["actors/runtime/A.ts", 'import "../Actors.ts"', /actors\/runtime must not import actors\/\./],
    ["actors/attic/A.ts", 'import "../runtime/B.ts"', /actors\/attic is not a room of the design/],
    ["client/A.ts", 'import type { A } from "../store/A.ts"', /client must not import store/],
    ["gateway/A.ts", 'import "../client/B.ts"', /client is for programs outside src, not for gateway/],
    ["main.ts", 'import "./client/B.ts"', /not for main/],
    ["helpers/A.ts", 'import "../domain/B.ts"', /helpers is not a folder of the design/],
    ["main.ts", 'import "../test/B.ts"', /is outside src/]
  ]
  for (const [path, text, why] of forbidden) {
    it(`name ${path} with ${text}`, () => {
      const found = wrongImports(write({ [path]: `${text}\nimport { Effect } from "effect"` }))
      assert.strictEqual(found.length, 1, found.join("\n"))
      assert.match(found[0]!, why)
    })
  }

  it("forbid circles", () => {
    const root = write({
      "src/domain/A.ts": 'import "./B.ts"',
      "src/domain/B.ts": 'import type { C } from "../C.ts"',
      "src/C.ts": 'import "./domain/A.ts"',
      "src/D.ts": 'import "./C.ts"'
    })
    assert.deepStrictEqual(importCircles(root, ["src"]), ["src/C.ts -> src/domain/A.ts -> src/domain/B.ts -> src/C.ts"])
  })

  it("limit a page's imports, direct or indirect, to modules that a browser has", () => {
    const src = write({
      "client/Client.ts": 'import "../contract/AApi.ts"\nimport { Effect } from "effect"',
      "contract/AApi.ts": 'import { HttpApi } from "@effect/platform"\nimport "../domain/Money.ts"',
      "domain/Money.ts": 'import { Decimal } from "decimal.js"\nimport "../contract/AApi.ts"\nimport { createHash } from "node:crypto"',
      "gateway/Hub.ts": 'import "ws"'
    })
    assert.deepStrictEqual(wrongBrowserImports(src, "client/Client.ts"), [
      "src/domain/Money.ts: client/Client.ts has to run in a browser, which has no node:crypto"
    ])
  })

  it("limit scripts to node's modules and each other", () => {
    const scripts = write({
      "a.mjs": 'import { join } from "node:path"\nimport "./lib/b.mjs"',
      "lib/b.mjs": 'import "../a.mjs"',
      "c.mjs": 'import { connect } from "nats"',
      "lib/d.mjs": 'import "../../src/main.ts"'
    })
    assert.deepStrictEqual(wrongScriptImports(scripts), [
      "scripts/c.mjs: scripts import node's modules and each other, not nats",
      "scripts/lib/d.mjs: scripts import node's modules and each other, not ../../src/main.ts"
    ])
  })
})
