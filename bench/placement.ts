import * as Ground from "./pipeline/Ground.ts"
import * as Report from "./placement/Report.ts"
import * as Run from "./placement/Run.ts"

Ground.program(async (ground) => {
  process.stdout.write(Report.write(await Run.run(ground, Ground.say)))
})
