/** Why the program ends, in sentences for the person who started it. */
import { Array as Arr, Cause, Chunk, ConfigError, Effect } from "effect"
import { reasonOf } from "./store/Postgres.ts"

const configText = (error: ConfigError.ConfigError): string => {
  switch (error._op) {
    case "And":
    case "Or":
      return Arr.dedupe([configText(error.left), configText(error.right)]).join("; ")
    case "MissingData": {
      const advice = error.message.startsWith("Expected ") ? "docs/operations.md says what it is" : error.message
      return `${error.path.join("_")} is not set: ${advice}`
    }
    default:
      return error.path.length === 0 ? error.message : `${error.path.join("_")}: ${error.message}`
  }
}

const isTagged = (error: unknown, tag: string): boolean => error instanceof Error && "_tag" in error && error._tag === tag

const failureText = (error: unknown): string => {
  if (ConfigError.isConfigError(error)) return configText(error)
  if (isTagged(error, "ServeError"))
    return `The gateway cannot listen: ${reasonOf(error)}. Set GATEWAY_HOST to an address of this machine and GATEWAY_PORT to a free port`
  return error instanceof Error && error.message !== "" ? error.message : reasonOf(error)
}

/**
 * The text for a failed start: a sentence for each failure, or the stack of a defect, because a defect is a fault of this code. Undefined
 * for an interruption, because that is an ordinary stop.
 */
export const sentence = (cause: Cause.Cause<unknown>): string | undefined => {
  const failures = Arr.dedupe(Chunk.toReadonlyArray(Cause.failures(cause)).map(failureText))
  if (failures.length > 0) return failures.join("\n")
  return Cause.isInterruptedOnly(cause) ? undefined : Cause.pretty(cause)
}

/** On a terminal a person reads the sentence alone; elsewhere it is a line of the log. */
export const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const text = sentence(cause)
  if (text === undefined) return Effect.void
  const said = process.stderr.isTTY ? Effect.sync(() => process.stderr.write(`${text}\n`)) : Effect.logFatal(text)
  return Effect.zipRight(said, Effect.logDebug("cause of the failed start", cause))
}
