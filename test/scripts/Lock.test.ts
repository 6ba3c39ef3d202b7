import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

interface Package {
  readonly version?: string
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
const json = (name: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, "../..", name), "utf8"))
const manifest = json("package.json") as Readonly<Record<"dependencies" | "devDependencies", Readonly<Record<string, string>>>>
const lock = (json("package-lock.json") as { readonly packages: Readonly<Record<string, Package>> }).packages

describe("package-lock.json", () => {
  it("pins exact versions, and contains the packages that package.json names", () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
      assert.strictEqual(lock[`node_modules/${name}`]?.version, version, name)
    }
  })

  it("has an entry for every platform's package, without which npm ci refuses it", () => {
    const names = new Set(Object.keys(lock).map((path) => path.replace(/^.*node_modules\//, "")))
    for (const [path, { optionalDependencies = {} }] of Object.entries(lock))
      for (const name of Object.keys(optionalDependencies)) assert.isTrue(names.has(name), `${path} wants ${name}`)
  })

  it("names no registry", () => {
    assert.deepStrictEqual(
      Object.entries(lock).filter(([, { resolved }]) => resolved !== undefined),
      []
    )
  })
})
