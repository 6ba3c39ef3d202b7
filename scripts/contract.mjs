// npm run contract: lints the contract's document, makes clients of it with four generators, and compiles them under strict.
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { log, Plain, root } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"

// Packages separate from the project's: there are hundreds, and npm start must not wait for them.
const tools = join(root, "tools", "contract")
// A test of the gateway checks that this file equals the served document.
const document = join(root, "test", "data", "openapi.json")
const out = join(tools, "out")

const step = (name, program, args) => {
  const startMs = performance.now()
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: tools,
    encoding: "utf8",
    env: { ...process.env, CI: "true", REDOCLY_TELEMETRY: "off" }
  })
  if (status !== 0) throw new Plain(`${name} failed:\n${stdout}\n${stderr}`)
  log(`${name}: ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
}
const tool = (name, program, args) => step(name, join(tools, "node_modules", ".bin", program), args)

const strict = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    module: "esnext",
    moduleResolution: "bundler",
    target: "es2022",
    lib: ["es2022", "dom", "dom.iterable"],
    types: []
  },
  include: ["."]
}

run(async () => {
  if (!existsSync(join(tools, "node_modules", ".package-lock.json")))
    step("install", "npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out)
  cpSync(document, join(out, "openapi.json"))
  tool("redocly", "redocly", ["lint", "out/openapi.json"])
  tool("spectral", "spectral", ["lint", "out/openapi.json", "--fail-severity", "warn"])
  tool("openapi-typescript", "openapi-typescript", ["out/openapi.json", "-o", "out/openapi-typescript.ts"])
  tool("hey-api", "openapi-ts", ["-i", "./out/openapi.json", "-o", "out/hey-api"])
  tool("orval", "orval", ["--config", "orval.config.cjs"])
  writeFileSync(join(out, "tsconfig.json"), JSON.stringify(strict))
  tool("compile", "tsc", ["-p", "out/tsconfig.json"])
})
