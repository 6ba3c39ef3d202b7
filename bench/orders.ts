import * as Report from "./orders/Report.ts"
import * as Run from "./orders/Run.ts"
import * as Ground from "./pipeline/Ground.ts"

const args = process.argv.slice(2)
const numberOf = (name: string, otherwise: number): number => {
  const value = args.includes(name) ? Number(args[args.indexOf(name) + 1]) : otherwise
  if (!(value > 0)) throw new Error(`${name} is a number above 0`)
  return value
}

/** `--seconds 60 --burst 500 --rate 200000`: how long orders are paced, how many come at once, and the ticks a second of the full feed. */
const options: Run.Options = {
  pacedSeconds: numberOf("--seconds", Run.defaults.pacedSeconds),
  burst: numberOf("--burst", Run.defaults.burst),
  rate: numberOf("--rate", Run.defaults.rate)
}

Ground.program(async (ground) => {
  const result = await Run.run(ground, options, Ground.say)
  for (const phase of result.phases) Ground.say(Report.line(phase))
  process.stdout.write(Report.write(result))
})
