import { join } from "node:path"
import { importCircles, wrongBrowserImports, wrongImports, wrongScriptImports } from "./lib/imports.mjs"
import { root } from "./lib/paths.mjs"

const src = join(root, "src")
const circles = importCircles(root, ["src", "web/src"]).map((circle) => `imports go in a circle: ${circle}`)
const wrong = [
  ...circles,
  ...wrongImports(src),
  ...wrongBrowserImports(src, "client/Client.ts"),
  ...wrongScriptImports(join(root, "scripts"))
]
for (const line of wrong) console.error(line)
process.exit(wrong.length === 0 ? 0 : 1)
