import { stopEverything } from "./children.mjs"
import { log, Plain } from "./paths.mjs"

let ending

/** Stops what was started, in the reverse order, and ends this process once. */
const end = (code, before) => {
  ending ??= (async () => {
    before()
    await stopEverything()
    process.exit(code)
  })()
  return ending
}

/** Runs a script's main part: signals stop it in order, a failure is told without a stack when a person can act on it. */
export const run = (main, { atEnd = () => {}, says = "" } = {}) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (ending === undefined && says !== "") log(says)
      void end(signal === "SIGINT" && says === "" ? 130 : 0, atEnd)
    })
  }
  main().then(
    (code = 0) => end(code, atEnd),
    (error) => {
      if (ending === undefined) log(error instanceof Plain ? error.message : error.stack)
      return end(1, atEnd)
    }
  )
}
