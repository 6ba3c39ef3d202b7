import * as Ground from "./pipeline/Ground.ts"
import * as Report from "./recovery/Report.ts"
import * as Run from "./recovery/Run.ts"

Ground.program(async (ground) => {
  process.stdout.write(Report.write(await Run.run(ground, Ground.say)))
})
