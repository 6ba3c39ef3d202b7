import * as Report from "./load/Report.ts"
import * as Run from "./load/Run.ts"
import * as Ground from "./pipeline/Ground.ts"

Ground.program(async (ground) => {
  const startedMs = performance.now()
  const result = await Run.run(ground, Ground.say)
  process.stdout.write(Report.write(result, (performance.now() - startedMs) / 60_000))
})
