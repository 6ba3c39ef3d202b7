import { spawn } from "node:child_process"
import { join } from "node:path"
import { build } from "./lib/build.mjs"
import { install } from "./lib/install.mjs"
import { root } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"

run(async () => {
  await install()
  await build()
  // The calculator inherits our input and output, so nothing passes through this process.
  const calc = spawn(process.execPath, [join(root, "dist/calc/main.js"), ...process.argv.slice(2)], { stdio: "inherit" })
  process.once("exit", () => calc.kill())
  return await new Promise((resolve, reject) => {
    calc.once("error", reject)
    calc.once("exit", (code) => resolve(code ?? 1))
  })
})
