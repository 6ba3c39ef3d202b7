import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import { start } from "./children.mjs"
import { exclusively } from "./lock.mjs"
import { cache, folder, hash, log, Plain, readOr, root } from "./paths.mjs"

const web = join(root, "web")
/** The folder that the gateway serves at `/` (WEB_ROOT). */
export const dist = join(web, "dist")
const stamp = join(cache, "web.built")
/** Files that are worth compressing. Below this size the headers outweigh the gain. */
const compressible = /\.(?:html|js|css|svg|json)$/
const bytesMin = 512

const filesIn = (path) =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile())
    .map((found) => join(found.parentPath, found.name))
    .sort()

const state = () => {
  // The page is built with the client and the contract, and they with the domain and the names of the subjects.
  const sources = [web, ...["client", "contract", "domain", "streams"].map((name) => join(root, "src", name))]
    .flatMap(filesIn)
    .filter((file) => relative(dist, file).startsWith(".."))
    .map((file) => `${file} ${statSync(file).size} ${statSync(file).mtimeMs}`)
  return hash([...sources, readOr(join(root, "package-lock.json"), "")].join("\n"))
}

/** Compresses once at the build, so that no start and no request has to. */
const compress = async () => {
  const most = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }
  for (const file of filesIn(dist).filter((name) => compressible.test(name) && statSync(name).size >= bytesMin)) {
    const content = readFileSync(file)
    const [br, gz] = await Promise.all([promisify(brotliCompress)(content, most), promisify(gzip)(content, { level: 9 })])
    writeFileSync(`${file}.br`, br)
    writeFileSync(`${file}.gz`, gz)
  }
}

/** Builds the page to web/dist; does nothing if no source changed. */
export const buildWeb = () =>
  exclusively("web", async () => {
    const now = state()
    if (readOr(stamp, "") === now && existsSync(join(dist, "index.html"))) return
    log("Building the page ...")
    const vite = start("vite", process.execPath, [join(root, "node_modules/vite/bin/vite.js"), "build", "web", "--logLevel", "warn"], {
      cwd: root,
      // The production form of all packages: the development form is larger.
      env: { ...process.env, NODE_ENV: "production" },
      log: "error"
    })
    if ((await vite.ended).code !== 0) throw new Plain("The page's build failed; the builder's text is above.")
    await compress()
    folder(dirname(stamp))
    writeFileSync(stamp, now)
  })
