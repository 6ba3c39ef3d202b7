import * as Report from "./keys/Report.ts"
import * as Run from "./keys/Run.ts"
import * as Ground from "./pipeline/Ground.ts"

Ground.program(async (ground) => {
  process.stdout.write(Report.write(await Run.run(ground, Ground.say)))
})
