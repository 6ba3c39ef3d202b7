/** The program of an executor. Its only argument is `Options` as JSON. */
import * as Executor from "./Executor.ts"

await Executor.main(JSON.parse(process.argv[2] ?? ""))
