import * as Ground from "./pipeline/Ground.ts"
import * as Report from "./strategies/Report.ts"
import * as Run from "./strategies/Run.ts"

const args = process.argv.slice(2)
const valueOf = (name: string): string | undefined => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined)

/** `--strategies 0,500`: the numbers of strategies to run with. The first is the baseline. */
const counts = (valueOf("--strategies") ?? Run.countsDefault.join(",")).split(",").map(Number)
if (counts.some((count) => !Number.isSafeInteger(count) || count < 0))
  throw new Error("--strategies is a list of whole numbers, like 0,500")

/** `--out NAME`: the name of the report's file. */
const out = valueOf("--out") ?? Report.name

/** `--profile DIR`: a folder for the processes' processor profiles. */
const profile = valueOf("--profile")

Ground.program(async (ground) => {
  const results: Array<Run.Result> = []
  for (const strategies of counts) {
    const result = await Run.run(ground, strategies, profile)
    Ground.say(Report.line(result))
    results.push(result)
  }
  process.stdout.write(Report.write(out, results))
})
