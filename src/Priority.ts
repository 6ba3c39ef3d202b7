import { readdirSync } from "node:fs"
import { getPriority, setPriority } from "node:os"
import { Config, Effect, Option } from "effect"
import * as ActorGroups from "./actors/placement/ActorGroups.ts"

/** The largest nice value of the operating system, which is the lowest priority. */
const niceMax = 19
/** What is added to the nice value of a process that runs only market data, so that orders, the gateway and the servers run before ticks. */
const marketNice = 5

const wanted = Config.option(
  Config.integer("PROCESS_NICE").pipe(
    Config.validate({ message: `PROCESS_NICE is 0 to ${niceMax}`, validation: (value) => value >= 0 && value <= niceMax })
  )
)

/** A process with a gateway takes orders and answers people, so it keeps its priority. */
const isMarketOnly = (roles: ReadonlyArray<string>, groups: ReadonlyArray<ActorGroups.Name>): boolean =>
  roles.includes("actors") && !roles.includes("gateway") && groups.every((one) => one === "market")

/** The number to add to this process's nice value: PROCESS_NICE, or else a number that depends on the actors that the process runs. */
export const nice = (roles: ReadonlyArray<string>): Config.Config<number> =>
  Config.map(Config.all({ groups: ActorGroups.here, wanted }), ({ groups, wanted }) =>
    Option.getOrElse(wanted, () => (isMarketOnly(roles, groups) ? marketNice : 0))
  )

/**
 * On Linux a priority belongs to a thread, and a new thread inherits it from the thread that starts it. Elsewhere it belongs to the process
 * (0).
 */
const threads = (): ReadonlyArray<number> => (process.platform === "linux" ? readdirSync("/proc/self/task").map(Number) : [0])

/** Raises this process's nice value by `by`. It needs no rights, because it only lowers the priority. */
export const lower = (by: number): Effect.Effect<void> =>
  by === 0
    ? Effect.void
    : Effect.try(() => {
        for (const thread of threads()) setPriority(thread, Math.min(niceMax, getPriority(thread) + by))
      }).pipe(Effect.catchAll(({ cause }) => Effect.logWarning("the process keeps its priority", String(cause))))
