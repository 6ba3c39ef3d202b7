import { readFile } from "node:fs/promises"
import { Config, Effect, Option, Schedule, Schema } from "effect"
import { Restart } from "../../contract/service/HealthReport.ts"

/** The file in which `npm start` lists the programs that it has restarted. */
const fileName = Config.option(Config.nonEmptyString("RESTARTS_FILE"))
const readEvery = "1 second"
/** A program that runs again degrades /health for this long. */
const saidForMs = 60_000

const decode = Schema.decodeUnknown(Schema.parseJson(Schema.Array(Restart)))

/** The other programs that were restarted, read from the file. The list is empty if the file does not exist. */
export const follow = Effect.gen(function* () {
  const file = yield* fileName
  let known: ReadonlyArray<Restart> = []
  if (Option.isSome(file)) {
    const read = Effect.tryPromise(() => readFile(file.value, "utf8")).pipe(
      Effect.flatMap(decode),
      Effect.match({
        onFailure: (error) => ({ isRead: false, found: known, reason: String(error) }),
        onSuccess: (found) => ({ isRead: true, found, reason: "" })
      })
    )
    let wasRead = true
    const look = Effect.flatMap(read, ({ isRead, found, reason }) => {
      const isNews = wasRead && !isRead
      wasRead = isRead
      known = found
      return isNews
        ? Effect.annotateLogs(Effect.logWarning("the list of restarted programs cannot be read"), {
            file: file.value,
            reason
          })
        : Effect.void
    })
    yield* look
    yield* look.pipe(Effect.repeat(Schedule.spaced(readEvery)), Effect.forkScoped)
  }
  return () => known
})

/** Why /health is degraded: a program is being restarted, or runs again for less than a minute. */
export const complaints = (restarts: ReadonlyArray<Restart>, nowMs: number): ReadonlyArray<string> =>
  restarts
    .filter(({ up_at }) => up_at === null || nowMs - Date.parse(up_at) <= saidForMs)
    .map(({ name, reason, ended_at, up_at }) =>
      up_at === null
        ? `${name} ${reason} at ${ended_at} and is being started again`
        : `${name} ${reason} at ${ended_at}, runs again since ${up_at}`
    )
