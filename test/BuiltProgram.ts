import { existsSync } from "node:fs"
import { rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { build, type Plugin } from "vite"
import { inject } from "vitest"
import { exclusively } from "../scripts/lib/lock.mjs"

/**
 * A program of several modules as one file, because Node 20 cannot run TypeScript. The first test of a run that needs it builds it, and all
 * others find it. `plugins` may give a program of another version, under a name of its own.
 */
export const builtProgram = (name: string, entry: string, plugins: ReadonlyArray<Plugin> = []): Effect.Effect<string> =>
  Effect.promise(async () => {
    const home = join(inject("backends").folder, "programs", name)
    const file = join(home, "main.mjs")
    await exclusively(`test-program-${name}`, async () => {
      if (existsSync(file)) return
      const outDir = `${home}-unfinished`
      await rm(outDir, { recursive: true, force: true })
      await build({
        configFile: false,
        plugins: [...plugins],
        logLevel: "silent",
        build: { ssr: entry, outDir, target: "node20", rollupOptions: { output: { entryFileNames: "main.mjs" } } }
      })
      await rename(outDir, home)
    })
    return file
  })

/** The platform as it runs in production. */
export const platformProgram = builtProgram("platform", "src/main.ts")
