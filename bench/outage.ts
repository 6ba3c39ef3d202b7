import * as Report from "./outage/Report.ts"
import * as Run from "./outage/Run.ts"
import * as Ground from "./pipeline/Ground.ts"

/** `--rate N`: ticks a second. `--seconds N`: how long NATS is away. */
const numberOf = (args: ReadonlyArray<string>, name: string, otherwise: number): number => {
  const at = args.indexOf(name)
  const value = at < 0 ? otherwise : Number(args[at + 1])
  if (!(value > 0)) throw new Error(`${name} is a number above 0, not ${args[at + 1]}`)
  return value
}

Ground.program(async (ground) => {
  const args = process.argv.slice(2)
  const result = await Run.run(ground, numberOf(args, "--rate", Run.rateDefault), numberOf(args, "--seconds", Run.awaySecondsDefault))
  process.stdout.write(Report.write(result))
})
