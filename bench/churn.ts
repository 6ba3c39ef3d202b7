import * as Report from "./churn/Report.ts"
import * as Run from "./churn/Run.ts"
import * as Ground from "./pipeline/Ground.ts"

/** `--minutes N`: how long strategies are made and removed. */
const minutesOf = (args: ReadonlyArray<string>): number => {
  const at = args.indexOf("--minutes")
  const minutes = at < 0 ? Run.minutesShort : Number(args[at + 1])
  if (!(minutes > 0)) throw new Error(`--minutes is a number above 0, not ${args[at + 1]}`)
  return minutes
}

Ground.program(async (ground) => {
  const result = await Run.run(ground, minutesOf(process.argv.slice(2)), Ground.say)
  process.stdout.write(Report.write(result))
})
