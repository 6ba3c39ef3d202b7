import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative, resolve, sep } from "node:path"

const typescript = () => createRequire(import.meta.url)("typescript")

/** Which folders of src a folder may import. What stands in src itself (main.ts) wires everything. */
const allowed = {
  domain: ["domain"],
  streams: ["domain", "streams"],
  store: ["domain", "store"],
  broker: ["domain", "broker"],
  actors: ["domain", "streams", "store", "broker", "actors"],
  gateway: ["domain", "streams", "store", "broker", "gateway"],
  simulator: ["domain", "simulator"],
  calc: ["domain", "calc"],
  // Published beside the program: nothing of src uses it, and of the gateway and the streams it has the contract alone.
  client: ["domain", "gateway", "streams", "client"]
}
const contract = /^(?:gateway[\\/](?:\w*Api|Input|Problem)|streams[\\/]Subjects?)\.ts$/
/** The domain is pure: arithmetic and data, no I/O and no clock. */
const domainPackages = /^(effect|decimal\.js)(\/|$)/

/** The index of such a package loads every module of it: 20 MB of documentation pages alone. */
const wholePackage = /^@effect\/[a-z-]+$/

const layerOf = (path) => (path.includes(sep) ? path.split(sep)[0] : "main")

const complaint = (file, from, specifier, src) => {
  if (!specifier.startsWith(".")) {
    if (wholePackage.test(specifier)) return `import the module of ${specifier} that is meant (${specifier}/Name), not all of them`
    return from === "domain" && !domainPackages.test(specifier) ? `domain imports only effect and decimal.js, not ${specifier}` : undefined
  }
  const target = relative(src, resolve(dirname(file), specifier))
  if (target.startsWith("..")) return `${specifier} stands outside of src`
  const to = layerOf(target)
  if (to === "client" && from !== "client") return `client is for programs outside of src, not for ${from} (${specifier})`
  if (from === "client" && ["gateway", "streams"].includes(to) && !contract.test(target))
    return `client may use the contract (gateway/*Api, gateway/Input, gateway/Problem, streams/Subjects), not ${specifier}`
  if (from === "main" || allowed[from]?.includes(to)) return undefined
  if (allowed[from] === undefined) return `${from} is no folder of the design: add it to scripts/lib/imports.mjs`
  return `${from} must not import ${to} (${specifier}); it may import ${allowed[from].join(", ")}`
}

const filesIn = (folder, ending) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

/** Every import, export from and import() of the sources that goes the wrong way: `path: why`. */
export const wrongImports = (src) => {
  const ts = typescript()
  return filesIn(src, /\.ts$/).flatMap((file) => {
    const path = relative(src, file)
    const { importedFiles } = ts.preProcessFile(readFileSync(file, "utf8"), true, true)
    return importedFiles
      .map(({ fileName }) => complaint(file, layerOf(path), fileName, src))
      .filter((why) => why !== undefined)
      .map((why) => `src/${path.split(sep).join("/")}: ${why}`)
  })
}

/** What may be in a page beside our own files. */
const browserPackages = /^(?:effect|@effect\/platform|decimal\.js)(?:\/|$)/

/** Everything that `entry` of src reaches and no browser has: `path: why`. */
export const wrongBrowserImports = (src, entry) => {
  const ts = typescript()
  const found = []
  const seen = new Set()
  const visit = (file) => {
    if (seen.has(file)) return
    seen.add(file)
    for (const { fileName } of ts.preProcessFile(readFileSync(file, "utf8"), true, true).importedFiles) {
      if (fileName.startsWith(".")) visit(resolve(dirname(file), fileName))
      else if (!browserPackages.test(fileName))
        found.push(`src/${relative(src, file).split(sep).join("/")}: ${entry} has to run in a browser, which has no ${fileName}`)
    }
  }
  visit(join(src, entry))
  return found
}

/** Scripts run before anything is installed or built: node's own modules and each other. */
export const wrongScriptImports = (scripts) => {
  const ts = typescript()
  return filesIn(scripts, /\.mjs$/).flatMap((file) =>
    ts
      .preProcessFile(readFileSync(file, "utf8"), true, true)
      .importedFiles.filter(
        ({ fileName }) =>
          !fileName.startsWith("node:") && relative(scripts, resolve(dirname(file), fileName)).startsWith("..") === fileName.startsWith(".")
      )
      .map(({ fileName }) => `scripts/${relative(scripts, file)}: scripts import node's modules and each other, not ${fileName}`)
  )
}
