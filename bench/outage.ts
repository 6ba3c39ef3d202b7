import { numberOf } from "./Options.ts"
import * as Report from "./outage/Report.ts"
import * as Run from "./outage/Run.ts"
import * as Ground from "./pipeline/Ground.ts"

/** `--rate N`: ticks a second. `--seconds N`: how long NATS is away. */
Ground.program(async (ground) => {
  const args = process.argv.slice(2)
  const result = await Run.run(ground, numberOf(args, "--rate", Run.rateDefault), numberOf(args, "--seconds", Run.awaySecondsDefault))
  process.stdout.write(Report.write(result))
})
