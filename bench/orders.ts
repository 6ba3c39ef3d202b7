import { numberOf } from "./Options.ts"
import * as Report from "./orders/Report.ts"
import * as Run from "./orders/Run.ts"
import * as Ground from "./pipeline/Ground.ts"

const args = process.argv.slice(2)
/**
 * `--seconds 60 --burst 500 --rate 200000`: how long orders are paced, how many come at once, and the ticks a second of the full feed. With
 * `--durable` Postgres waits for the disk.
 */
const options: Run.Options = {
  pacedSeconds: numberOf(args, "--seconds", Run.defaults.pacedSeconds),
  burst: numberOf(args, "--burst", Run.defaults.burst),
  rate: numberOf(args, "--rate", Run.defaults.rate),
  durable: args.includes("--durable")
}

Ground.program(async (ground) => {
  const result = await Run.run(ground, options, Ground.say)
  for (const phase of result.phases) Ground.say(Report.line(phase))
  process.stdout.write(Report.write(result))
}, options)
