import * as Report from "./load/Report.ts"
import * as Run from "./load/Run.ts"
import * as World from "./pipeline/World.ts"

const say = (text: string) => process.stderr.write(`${text}\n`)
let ground: World.Ground | undefined

const main = async (): Promise<void> => {
  const startedMs = performance.now()
  const shared = await World.ground()
  ground = shared
  try {
    const result = await Run.run(shared, say)
    process.stdout.write(Report.write(result, (performance.now() - startedMs) / 60_000))
  } finally {
    await shared.close()
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    // What belongs to the run in hand ends with this process: its reaper stops it, or its channel closes.
    void (ground?.close() ?? Promise.resolve()).finally(() => process.exit(130))
  })
}
main().then(
  () => process.exit(0),
  (error: unknown) => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(1)
  }
)
