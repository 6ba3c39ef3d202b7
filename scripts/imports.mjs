import { join } from "node:path"
import { wrongImports, wrongScriptImports } from "./lib/imports.mjs"
import { root } from "./lib/paths.mjs"

const wrong = [...wrongImports(join(root, "src")), ...wrongScriptImports(join(root, "scripts"))]
for (const line of wrong) console.error(line)
process.exit(wrong.length === 0 ? 0 : 1)
