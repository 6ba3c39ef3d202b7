import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative, resolve, sep } from "node:path"

const typescript = () => createRequire(import.meta.url)("typescript")

/** The folders (or single files) of src that each folder may import. Files in src itself (main.ts, Platform.ts) wire everything. */
const allowed = {
  domain: ["domain"],
  metrics: ["metrics"],
  loop: ["loop"],
  settings: ["domain", "settings"],
  contract: ["domain", "contract"],
  streams: ["domain", "metrics", "loop", "streams"],
  store: ["domain", "metrics", "loop", "store"],
  broker: ["domain", "metrics", "loop", "broker"],
  actors: ["domain", "metrics", "loop", "settings", "streams", "store", "broker", "actors"],
  gateway: ["domain", "metrics", "loop", "settings", "contract", "streams", "store", "broker", "mcp", "gateway"],
  adapters: ["domain", "metrics", "loop", "settings", "streams", "store", "broker"],
  simulator: ["domain", "simulator"],
  calc: ["domain", "calc"],
  mcp: ["mcp"],
  // Published beside the program, for the page and other programs outside src. Nothing in src imports it.
  client: ["domain", "contract", "streams/Subject.ts", "streams/Subjects.ts", "streams/Listen.ts", "client"]
}

/**
 * The rooms of a folder from the lowest to the highest. A room imports earlier rooms, never later ones. Rooms in one group do not
 * import each other. Files in the folder itself come last, because they combine the rooms.
 */
const rooms = {
  domain: [
    ["."],
    ["access"],
    ["rules"],
    ["record"],
    ["market"],
    ["accounts"],
    ["options"],
    ["indicators"],
    ["strategy"],
    ["futures"],
    ["underlying", "monitor", "labels", "alerts"],
    ["orders"]
  ],
  actors: [
    ["runtime"],
    ["placement"],
    ["market", "strategies", "edge", "orders", "labels", "subscriptions", "instruments", "history", "settlements"],
    ["accounts", "indicators", "backfill", "alerts"],
    ["director"],
    ["."]
  ],
  contract: [
    ["shared"],
    ["accounts", "calendar", "keys", "settlements", "chains", "depth", "history", "instruments", "orders", "service", "subscriptions"],
    ["alerts", "backfill", "exports", "futures", "indicators", "labels", "mcp", "monitor", "replay", "strategies"],
    ["sockets", "udf"],
    ["."]
  ],
  gateway: [
    ["shared"],
    ["views"],
    ["serve"],
    ["sockets"],
    ["ticks", "chains", "depth", "instruments", "subscriptions"],
    ["calendar", "keys", "settlements", "history", "labels", "orders", "strategies"],
    ["accounts", "alerts", "backfill", "exports", "mcp", "futures", "indicators", "nats", "replay"],
    ["monitor"],
    ["bridge", "udf"],
    ["service"],
    ["."]
  ]
}
/** Packages that the domain may import. It is pure: arithmetic and data, no I/O and no clock. */
const domainPackages = /^(effect|decimal\.js)(\/|$)/

/** The index of such a package loads all its modules: 20 MB of documentation pages alone. */
const wholePackage = /^@effect\/[a-z-]+$/

const layerOf = (path) => (path.includes(sep) ? path.split(sep)[0] : "main")
const roomOf = (path) => (path.split(sep).length > 2 ? path.split(sep)[1] : ".")

const wrongRoom = (from, to, layer) => {
  const order = rooms[layer]
  if (order === undefined || from === to) return undefined
  const at = (room) => order.findIndex((group) => group.includes(room))
  const unknown = [from, to].find((room) => at(room) === -1)
  if (unknown !== undefined) return `${layer}/${unknown} is not a room of the design: add it to scripts/lib/imports.mjs`
  return at(to) < at(from) ? undefined : `${layer}/${from} must not import ${layer}/${to}, which comes after it or is in the same group`
}

const complaint = (file, from, specifier, src) => {
  if (!specifier.startsWith(".")) {
    if (wholePackage.test(specifier)) return `import a single module of ${specifier} (${specifier}/Name), not the whole package`
    if (specifier === "nats" && from !== "streams") return `only streams imports nats, not ${from}`
    return from === "domain" && !domainPackages.test(specifier) ? `domain imports only effect and decimal.js, not ${specifier}` : undefined
  }
  const target = relative(src, resolve(dirname(file), specifier))
  if (target.startsWith("..")) return `${specifier} is outside src`
  const to = layerOf(target)
  if (to === "client" && from !== "client") return `client is for programs outside src, not for ${from} (${specifier})`
  if (from === "main") return undefined
  if (allowed[from]?.includes(to) || allowed[from]?.includes(target.split(sep).join("/")))
    return from === to ? wrongRoom(roomOf(relative(src, file)), roomOf(target), from) : undefined
  if (allowed[from] === undefined) return `${from} is not a folder of the design: add it to scripts/lib/imports.mjs`
  return `${from} must not import ${to} (${specifier}); it may import ${allowed[from].join(", ")}`
}

const filesIn = (folder, ending) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

/** Every import, export from and import() of the sources in a wrong direction: `path: why`. */
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

/** Files that import each other in a circle: the first circle found from each file, as paths from `root`. */
export const importCircles = (root, folders) => {
  const ts = typescript()
  const files = folders.flatMap((folder) => filesIn(join(root, folder), /\.ts$/))
  const targets = new Map(
    files.map((file) => [
      file,
      ts
        .preProcessFile(readFileSync(file, "utf8"), true, true)
        .importedFiles.filter(({ fileName }) => fileName.startsWith("."))
        .map(({ fileName }) => resolve(dirname(file), fileName))
    ])
  )
  const circles = []
  const done = new Set()
  const visit = (file, path) => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].map((one) => relative(root, one)).join(" -> "))
    if (done.has(file) || path.includes(file)) return
    for (const target of targets.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  return circles
}

/** Packages that the page may contain, beside our own files. */
const browserPackages = /^(?:effect|@effect\/platform|decimal\.js)(?:\/|$)/

/** Every import reachable from `entry` of src that no browser has: `path: why`. */
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

/** Checks scripts, which run before packages are installed: they import only Node's modules and each other. */
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
