import { createRequire } from "node:module"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { root } from "./lib/paths.mjs"

// Node 20 cannot run TypeScript, so the page's builder loads our modules.
const { runnerImport } = await import(pathToFileURL(createRequire(import.meta.url).resolve("vite")).href)

const load = async (name) =>
  (await runnerImport(join(root, "src/domain/rules", name), { root, configFile: false, logLevel: "error" })).module

/** The import checks every file against its schema and names the invalid rows. */
const wrong = async () => {
  const { shipped } = await load("Shipped.ts")
  const { problems } = await load("Consistency.ts")
  return problems(shipped.documents)
}

const lines = await wrong().catch((error) => [error.message])
for (const line of lines) console.error(line)
process.exit(lines.length === 0 ? 0 : 1)
