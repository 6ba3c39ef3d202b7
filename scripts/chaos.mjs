import { existsSync } from "node:fs"
import { join } from "node:path"
import { start } from "./lib/children.mjs"
import { install } from "./lib/install.mjs"
import { Plain, root } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"

const [name = "", ...args] = process.argv.slice(2)
const node = (label, ...words) => start(label, process.execPath, words, { cwd: root, log: "terminal" }).ended

run(async () => {
  await install()
  if (!/^[a-z]+$/.test(name) || !existsSync(join(root, "bench/chaos", `${name}.ts`))) throw new Plain("npm run chaos -- orders")
  // npm run check checks the types. A run needs only the compiled files.
  const built = await node("tsc", join(root, "node_modules/typescript/bin/tsc"), "-p", "bench/tsconfig.json")
  if (built.code !== 0) throw new Plain("The build failed; the compiler's text is above.")
  return (await node(name, join(root, ".cache/bench/bench/chaos", `${name}.js`), ...args)).code ?? 1
})
