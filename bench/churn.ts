import * as Report from "./churn/Report.ts"
import * as Run from "./churn/Run.ts"
import { numberOf } from "./Options.ts"
import * as Ground from "./pipeline/Ground.ts"

/** `--minutes N`: how long strategies are made and removed. */
Ground.program(async (ground) => {
  const result = await Run.run(ground, numberOf(process.argv.slice(2), "--minutes", Run.minutesShort), Ground.say)
  process.stdout.write(Report.write(result))
})
