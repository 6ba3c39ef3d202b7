import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, join, relative, sep } from "node:path"

const typescript = () => createRequire(import.meta.url)("typescript")

export const functionLinesMax = 100
export const folderFilesMax = 25

const slashed = (root, path) => relative(root, path).split(sep).join("/")

/** The name of a function, or of the nearest constant, property or method that contains it. */
const nameOf = (ts, node) => {
  for (let at = node; at !== undefined; at = at.parent) {
    if (at.name !== undefined && ts.isIdentifier(at.name)) return at.name.text
  }
  return "a function"
}

/** A test suite is a list of functions, so the callback of `describe` has no limit. */
const isSuite = (ts, node) =>
  ts.isCallExpression(node.parent) && /^describe\b/.test(node.parent.expression.getText()) && node.parent.arguments.includes(node)

const longFunctionsIn = (ts, root, file) => {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true)
  const lineOf = (position) => source.getLineAndCharacterOfPosition(position).line + 1
  const found = []
  const visit = (node) => {
    ts.forEachChild(node, visit)
    if (!ts.isFunctionLike(node) || node.body === undefined || isSuite(ts, node)) return
    const first = lineOf(node.getStart())
    const lines = lineOf(node.end) - first + 1
    if (lines > functionLinesMax)
      found.push(`${slashed(root, file)}:${first}: ${nameOf(ts, node)} has ${lines} lines; split it, ${functionLinesMax} is the limit`)
  }
  visit(source)
  return found
}

const sourcesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".d.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

/** Every function below `folders` with more than 100 lines, from its first to its last line: `path:line: why`. */
export const longFunctions = (root, folders) => {
  const ts = typescript()
  return folders.flatMap((folder) => sourcesIn(join(root, folder)).flatMap((file) => longFunctionsIn(ts, root, file)))
}

/** Every folder among and below `folders` that contains more than 25 files: `path: why`. */
export const fullFolders = (root, folders) => {
  const counts = new Map()
  for (const folder of folders)
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
      if (entry.isFile()) counts.set(entry.parentPath, (counts.get(entry.parentPath) ?? 0) + 1)
  return [...counts]
    .filter(([, files]) => files > folderFilesMax)
    .map(
      ([folder, files]) => `${slashed(root, folder)}: ${files} files; give ${basename(folder)} sub-folders, ${folderFilesMax} is the limit`
    )
    .sort()
}
