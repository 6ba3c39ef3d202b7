import { copyFileSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { start } from "./children.mjs"
import { exclusively } from "./lock.mjs"
import { folder, hash, log, Plain, readOr, root } from "./paths.mjs"

const src = join(root, "src")
const dist = join(root, "dist")
const stamp = join(dist, ".built")
export const entry = join(dist, "main.js")

const filesIn = (path) =>
  existsSync(path)
    ? readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((found) => found.isFile())
        .map((found) => join(found.parentPath, found.name))
        .sort()
    : []

const state = () => {
  const settings = ["tsconfig.json", "tsconfig.build.json", "package-lock.json"].map((name) => readOr(join(root, name), ""))
  const sources = filesIn(src).map((file) => `${file} ${statSync(file).size} ${statSync(file).mtimeMs}`)
  return hash([...sources, ...settings].join("\n"))
}

/** Removes files in dist whose source was deleted: a stale file could still import them. */
const removeLeftovers = () => {
  for (const file of filesIn(dist)) {
    const source = join(src, relative(dist, file)).replace(/\.js(\.map)?$/, ".ts")
    if (file !== stamp && !existsSync(source)) rmSync(file)
  }
}

/** Compiles src to dist; does nothing if no source changed. */
export const build = () =>
  exclusively("build", async () => {
    const now = state()
    if (readOr(stamp, "") === now && existsSync(entry)) return
    log("Building ...")
    // The compiler writes only what changed since its record, even into an emptied dist.
    if (!existsSync(stamp)) rmSync(join(root, ".cache/tsc/build.tsbuildinfo"), { force: true })
    rmSync(stamp, { force: true })
    const tsc = start("tsc", process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"], {
      cwd: root,
      log: "error"
    })
    if ((await tsc.ended).code !== 0) throw new Plain("The build failed; the compiler's text is above.")
    removeLeftovers()
    for (const file of filesIn(src).filter((name) => !name.endsWith(".ts"))) {
      const to = join(dist, relative(src, file))
      folder(dirname(to))
      copyFileSync(file, to)
    }
    writeFileSync(stamp, now)
  })
