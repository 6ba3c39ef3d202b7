import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** Folders whose tests start whole platforms, browsers or scripts: whatever these leave behind ends with the process. */
const folders = ["platform", "scripts", "bench"]
const programs = /\b(?:Browser|PageWorld|PlatformWorld|BuiltProgram)\.ts"/

/** What another file of the same process would see, and what measures the whole process. */
const unshared = /\bvi\.|process\.env\[[^\]]+\]\s*=[^=]|globalThis\.\w+\s*=[^=]|configureGlobal|process\.(?:chdir|on|exit|cpuUsage)\(/

/** Whether a file of tests, or a file that it imports from `folder`, needs a process of its own. */
const needsOwn = (folder: string) => {
  const known = new Map<string, boolean>()
  const needs = (file: string): boolean => {
    const before = known.get(file)
    if (before !== undefined) return before
    known.set(file, false) // for a circle of imports
    const text = readFileSync(file, "utf8")
    const imported = [...text.matchAll(/ from "(\.[^"]+\.ts)"/g)].map(([, path = ""]) => join(dirname(file), path))
    const found = unshared.test(text) || programs.test(text) || imported.some((path) => path.startsWith(join(folder, "/")) && needs(path))
    known.set(file, found)
    return found
  }
  return needs
}

/** The test files of `folder` that need a process each, as patterns of vitest. All others share their processes. */
export const ownProcess = (folder: string): Array<string> => {
  const needs = needsOwn(folder)
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".test.ts"))
  const files = names.filter((name) => !folders.includes(name.split(/[\\/]/)[0] ?? "")).map((name) => join(folder, name))
  return [...folders.map((name) => `${folder}/${name}/**/*.test.ts`), ...files.filter(needs).map((file) => file.replaceAll("\\", "/"))]
}
