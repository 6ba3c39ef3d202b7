import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** Folders whose tests start whole platforms, browsers or scripts: whatever these leave behind ends with the process. */
const folders = ["platform", "scripts", "bench"]

/** What another file of the same process would see, or what needs a process of its own. */
const unshared =
  /\bvi\.|process\.env\[[^\]]+\]\s*=[^=]|globalThis\.\w+\s*=[^=]|configureGlobal|(?:Browser|PageWorld|PlatformWorld|BuiltProgram)\.ts|process\.(?:chdir|on|exit)\(/

/** The test files of `folder` that need a process each, as patterns of vitest. All others share their processes. */
export const ownProcess = (folder: string): Array<string> => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".test.ts"))
  const some = files.filter(
    (name) => !folders.includes(name.split(/[\\/]/)[0] ?? "") && unshared.test(readFileSync(join(folder, name), "utf8"))
  )
  return [...folders.map((name) => `test/${name}/**/*.test.ts`), ...some.map((name) => `test/${name.replaceAll("\\", "/")}`)]
}
