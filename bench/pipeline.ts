import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import * as Ground from "./pipeline/Ground.ts"
import * as Matrix from "./pipeline/Matrix.ts"
import * as Peer from "./pipeline/Peer.ts"
import * as Profile from "./pipeline/Profile.ts"
import * as Report from "./pipeline/Report.ts"
import * as Run from "./pipeline/Run.ts"

const options = Matrix.options(process.argv.slice(2))

const runAll = async (ground: Ground.Ground, cells: ReadonlyArray<Run.Cell>): Promise<ReadonlyArray<Run.Result>> => {
  const results: Array<Run.Result> = []
  for (const [at, cell] of cells.entries()) {
    try {
      const result = await Run.run(ground, cell)
      Ground.say(`${at + 1}/${cells.length} ${Report.line(result)}`)
      results.push(result)
    } catch (error) {
      // The other cells still run. The report shows that this one was not run.
      Ground.say(`${at + 1}/${cells.length} ${Report.title(cell)} failed: ${Ground.textOf(error)}`)
    }
  }
  return results
}

const profileAll = async (ground: Ground.Ground): Promise<void> => {
  const folder = join(ground.folder, "profiles")
  await mkdir(folder, { recursive: true })
  for (const cell of Matrix.cells(options)) {
    await runAll(ground, [{ ...cell, profile: folder }])
    process.stdout.write(`## ${Report.title(cell)}\n\n${await Profile.read(folder)}\n`)
  }
}

const measureAll = async (ground: Ground.Ground): Promise<void> => {
  const startedMs = performance.now()
  const peer = options.some ? [] : Peer.measure()
  const results = await runAll(ground, Matrix.cells(options))
  process.stdout.write(Report.write(results, peer, { minutes: (performance.now() - startedMs) / 60_000, isWhole: !options.some }))
}

Ground.program((ground) => (options.profile ? profileAll(ground) : measureAll(ground)))
