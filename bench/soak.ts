import { parseArgs } from "node:util"
import * as Ground from "./pipeline/Ground.ts"
import * as Report from "./soak/Report.ts"
import * as Run from "./soak/Run.ts"

const { values } = parseArgs({
  options: { minutes: { type: "string", default: String(Report.minutesMin) }, seed: { type: "string", default: "1" } }
})
const [minutes, seed] = [Number(values.minutes), Number(values.seed)]
if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error("npm run soak -- --minutes N --seed S")

Ground.program(async (ground) => {
  const result = await Run.run(ground, minutes, seed, Ground.say)
  process.stdout.write(Report.write(result))
  if (!Report.isGood(result)) throw new Error("the soak found something: see the table")
})
