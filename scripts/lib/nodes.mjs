import { existsSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { npmCommand } from "./install.mjs"
import { exclusively } from "./lock.mjs"
import { cache, folder, Plain } from "./paths.mjs"

/** The Node releases on which the README's examples are tested, by major version. The running Node is used for its own major version. */
export const majors = [20, 22, 24]
const versions = { 20: "20.19.0", 22: "22.23.3", 24: "24.21.0" }

/**
 * A Node of that major version: the running one, or the one of npm's `node` package. That package selects the platform's package in an
 * install script. No install script runs here, so the platform's package is installed directly into .cache.
 */
export const nodeOf = async (major) => {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath
  const name = `node-${process.platform}-${process.arch}`
  const wanted = `${name}@${versions[major]}`
  const home = join(cache, wanted)
  const program = join(home, "node_modules", name, "bin/node")
  if (existsSync(program)) return program
  return exclusively(`node-${major}`, async () => {
    if (existsSync(program)) return program
    const fresh = folder(`${home}.new`)
    const args = ["install", "--prefix", fresh, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", wanted]
    const { code } = await npmCommand(args, { cwd: fresh }).ended
    if (code !== 0 || !existsSync(join(fresh, "node_modules", name, "bin/node")))
      throw new Plain(`npm cannot install ${wanted}, on which the README's examples are tested; its own text is above.`)
    rmSync(home, { recursive: true, force: true })
    renameSync(fresh, home)
    return program
  })
}
