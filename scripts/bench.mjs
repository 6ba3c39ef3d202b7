import { readdirSync } from "node:fs"
import { join } from "node:path"
import { start } from "./lib/children.mjs"
import { install } from "./lib/install.mjs"
import { Plain, root } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"

const [name = "", ...args] = process.argv.slice(2)
const names = () =>
  readdirSync(join(root, "bench"))
    .filter((file) => /^[a-z]\w*\.ts$/.test(file) && !file.endsWith(".d.ts"))
    .map((file) => file.slice(0, -3))
const node = (label, ...words) => start(label, process.execPath, words, { cwd: root, log: "terminal" }).ended

run(async () => {
  await install()
  if (!names().includes(name)) throw new Plain(`npm run bench -- NAME, where NAME is one of: ${names().join(", ")}`)
  // npm run check checks the types. A benchmark needs only the compiled files.
  const built = await node("tsc", join(root, "node_modules/typescript/bin/tsc"), "-p", "bench/tsconfig.json")
  if (built.code !== 0) throw new Plain("The build failed; the compiler's text is above.")
  return (await node(name, join(root, ".cache/bench/bench", `${name}.js`), ...args)).code ?? 1
})
