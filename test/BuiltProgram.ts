import { existsSync } from "node:fs"
import { readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { build, type Plugin } from "esbuild"
import { inject } from "vitest"
import { exclusively } from "../scripts/lib/lock.mjs"

/** Replaces texts of our source. The build fails if the source no longer has one of them. */
const changedBy = (changes: Readonly<Record<string, string>>): Plugin => ({
  name: "another version",
  setup: ({ onEnd, onLoad }) => {
    const missing = new Set(Object.keys(changes))
    onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8")
      for (const [text, instead] of Object.entries(changes)) {
        if (contents.includes(text)) missing.delete(text)
        contents = contents.replaceAll(text, instead)
      }
      return { contents, loader: "ts" }
    })
    onEnd(() => ({ errors: [...missing].map((text) => ({ text: `the source no longer has ${text}` })) }))
  }
})

/**
 * A program as one file, because Node 20 cannot run TypeScript. Its packages are in the file too: a process that loads their 2,000 files takes
 * twice the processor time to start. The first test of a run that needs the program builds it, and all others find it. `changes` makes
 * another version, under another name: it maps texts of the source to their replacements.
 */
export const builtProgram = (name: string, entry: string, changes: Readonly<Record<string, string>> = {}): Effect.Effect<string> =>
  Effect.promise(async () => {
    const home = join(inject("backends").folder, "programs", name)
    const file = join(home, "main.mjs")
    await exclusively(`test-program-${name}`, async () => {
      if (existsSync(file)) return
      const unfinished = `${home}-unfinished`
      await rm(unfinished, { recursive: true, force: true })
      await build({
        entryPoints: [entry],
        outfile: join(unfinished, "main.mjs"),
        bundle: true,
        platform: "node",
        target: "node20",
        format: "esm",
        logLevel: "silent", // a failed build is an error
        // Packages in CommonJS require Node's modules.
        banner: { js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url)' },
        plugins: Object.keys(changes).length === 0 ? [] : [changedBy(changes)]
      })
      await rename(unfinished, home)
    })
    return file
  })

/** The platform as it runs in production. */
export const platformProgram = builtProgram("platform", "src/main.ts")
