/** The program of an executor. Its only argument is the file with its `Options` as JSON. */
import { readFileSync } from "node:fs"
import * as Executor from "./Executor.ts"

await Executor.main(JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")))
