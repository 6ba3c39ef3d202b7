import { spawn } from "node:child_process"
import { join } from "node:path"
import { build } from "./lib/build.mjs"
import { install } from "./lib/install.mjs"
import { root } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"

run(async () => {
  await install()
  await build()
  // The server inherits our input and output, over which the assistant speaks with it.
  const server = spawn(process.execPath, [join(root, "dist/mcp/main.js")], { stdio: "inherit" })
  process.once("exit", () => server.kill())
  return await new Promise((resolve, reject) => {
    server.once("error", reject)
    server.once("exit", (code) => resolve(code ?? 1))
  })
})
