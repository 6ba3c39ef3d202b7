import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import * as Matrix from "./pipeline/Matrix.ts"
import * as Peer from "./pipeline/Peer.ts"
import * as Profile from "./pipeline/Profile.ts"
import * as Report from "./pipeline/Report.ts"
import * as Run from "./pipeline/Run.ts"
import * as World from "./pipeline/World.ts"

const say = (text: string) => process.stderr.write(`${text}\n`)
const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))
const options = Matrix.options(process.argv.slice(2))
let ground: World.Ground | undefined

const runAll = async (ground: World.Ground, cells: ReadonlyArray<Run.Cell>): Promise<ReadonlyArray<Run.Result>> => {
  const results: Array<Run.Result> = []
  for (const [at, cell] of cells.entries()) {
    try {
      const result = await Run.run(ground, cell)
      say(`${at + 1}/${cells.length} ${Report.line(result)}`)
      results.push(result)
    } catch (error) {
      // The others are still worth having; the report says of this one that it was not run.
      say(`${at + 1}/${cells.length} ${Report.title(cell)} failed: ${textOf(error)}`)
    }
  }
  return results
}

const main = async (): Promise<number> => {
  const startedMs = performance.now()
  const shared = await World.ground()
  ground = shared
  try {
    if (options.profile) {
      const folder = join(shared.folder, "profiles")
      await mkdir(folder, { recursive: true })
      for (const cell of Matrix.cells(options)) {
        await runAll(shared, [{ ...cell, profile: folder }])
        process.stdout.write(`## ${Report.title(cell)}\n\n${await Profile.read(folder)}\n`)
      }
      return 0
    }
    const peer = options.some ? [] : Peer.measure()
    const results = await runAll(shared, Matrix.cells(options))
    const text = Report.write(results, peer, { minutes: (performance.now() - startedMs) / 60_000, isWhole: !options.some })
    process.stdout.write(text)
    return 0
  } finally {
    await shared.close()
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    // What belongs to the cell in hand ends with this process: its reaper stops it, or its channel closes.
    void (ground?.close() ?? Promise.resolve()).finally(() => process.exit(130))
  })
}
main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(textOf(error))
    process.exit(1)
  }
)
