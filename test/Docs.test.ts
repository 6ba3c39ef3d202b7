import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as CloseCodes from "../src/contract/sockets/CloseCodes.ts"
import * as Subjects from "../src/streams/Subjects.ts"

const root = join(import.meta.dirname, "..")
const read = (path: string) => readFileSync(join(root, path), "utf8")
const pages = ["README.md", ...readdirSync(join(root, "docs")).flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : []))]

/** Paths in backquotes that start with a folder of this project. Paths with a placeholder in angle brackets are ignored. */
const pathsOf = (text: string) =>
  [...text.matchAll(/`((?:src|web|test|docs|scripts|examples|bench)\/[^`\s]*)`/g)].flatMap(([, path = ""]) =>
    /[<>*{]/.test(path) ? [] : [path]
  )
/** Targets of links to files, relative to the page. */
const linksOf = (text: string) =>
  [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].flatMap(([, target = ""]) => (target.startsWith("/") ? [] : [target]))

/** The rows of the table of actors. */
const actorTable = () => {
  const [, table = ""] = read("docs/operations.md").split("| actor | one per | from | to |\n|---|---|---|---|\n")
  return table.slice(0, table.indexOf("\n\n"))
}

describe("the documentation", () => {
  it("names only files and folders that exist", () => {
    // Outputs of the build and the benchmarks are not in the repository.
    const made = /^(web\/dist|bench\/reports)/
    const missing = pages.flatMap((page) =>
      pathsOf(read(page)).flatMap((path) => (made.test(path) || existsSync(join(root, path)) ? [] : [`${page}: ${path}`]))
    )
    assert.deepStrictEqual(missing, [])
  })

  it("finds more than a hundred paths, so the check reads what it should", () => {
    const { length } = pathsOf(read("docs/architecture.md"))
    assert.isAbove(length, 100)
  })

  it("links only to pages that exist", () => {
    const missing = pages.flatMap((page) =>
      linksOf(read(page)).flatMap((target) => (existsSync(join(root, dirname(page), target)) ? [] : [`${page}: ${target}`]))
    )
    assert.deepStrictEqual(missing, [])
  })

  it("names every folder of src, and every room except the gateway's and contract's features, in docs/architecture.md", () => {
    const text = read("docs/architecture.md")
    const foldersIn = (path: string) =>
      readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [`${path}/${entry.name}`] : []))
    const layers = foldersIn("src")
    const rooms = layers.filter((path) => !["src/gateway", "src/contract"].includes(path)).flatMap(foldersIn)
    assert.isAtLeast(rooms.length, 30)
    assert.deepStrictEqual(
      [...layers, ...rooms].filter((path) => !text.includes(`\`${path}\``)),
      []
    )
  })

  it("lists every close code of a WebSocket with its reason, and no other, in docs/api.md", () => {
    const listed = [...read("docs/api.md").matchAll(/^\| (\d{4}) \| ([^|]*?) \|/gm)].map(([, code, reason]) => `${code} ${reason}`)
    // The WebSocket library itself closes with 1009 and gives no reason (RFC 6455, 7.4.1).
    const ours = Object.values(CloseCodes).map(({ code, reason }) => `${code} ${reason}`)
    assert.deepStrictEqual(listed.sort(), [...ours, "1009 "].sort())
  })

  it("explains every variable that docker-compose.yml needs from .env or gives to the platform", () => {
    const compose = read("docker-compose.yml")
    const names = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, name = ""]) => name))].sort()
    const needed = names(compose, /\$\{([A-Z_]+)(?:\}|:\?)/g)
    assert.isAtLeast(needed.length, 6)
    assert.deepStrictEqual(
      needed.filter((name) => !new RegExp(`^${name}=`, "m").test(read(".env.example"))),
      []
    )
    const [, platform = ""] = compose.split("x-app: &app")
    const given = names(platform, /^ {2,6}([A-Z][A-Z_]+):/gm).filter((name) => !/^POSTGRES_/.test(name))
    assert.includeMembers(given, ["NATS_URL", "ACCOUNTS_FILE", "RUNNER_HOST"])
    assert.deepStrictEqual(
      given.filter((name) => !read("docs/operations.md").includes(`\`${name}\``)),
      []
    )
  })

  it("lists every kind of actor in the table of docs/operations.md", () => {
    const files = readdirSync(join(root, "src/actors"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
    const kinds = files.flatMap((name) => /^export const kind = "([\w-]+)"$/m.exec(read(`src/actors/${name}`))?.[1] ?? [])
    const listed = [...actorTable().matchAll(/^\| `([\w-]+)` \|/gm)].map(([, kind]) => kind)
    assert.deepStrictEqual(listed.sort(), kinds.sort())
  })

  it("names in the last column of that table every subject on which an actor publishes", () => {
    const outputs = [...actorTable().matchAll(/^\|.*\| ([^|]*) \|$/gm)].map(([, to = ""]) => to).join("\n")
    // The gateway or any process publishes on these.
    const byOthers = ["ctl.ask", "ord.cmd", "sys.limited", "sys.health", "sys.store"]
    const roots = Object.values(Subjects).flatMap((subject) => {
      const [root = ""] = typeof subject === "object" && "template" in subject ? subject.template.split(".{") : []
      return root === "" || byOthers.includes(root) ? [] : [root]
    })
    assert.isAbove(roots.length, 20)
    assert.deepStrictEqual(
      roots.filter((root) => !outputs.includes(`\`${root}`)),
      []
    )
  })
})
