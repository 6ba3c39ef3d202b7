import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { isOurs } from "./children.mjs"
import { Plain } from "./paths.mjs"
import { freePort, until } from "./ports.mjs"

const attemptsMax = 3
/**
 * How long a program may need until it answers, on a machine that is busy. After a kill nats-server reads the whole record first, which may
 * be gigabytes, and Postgres repeats what its log has.
 */
const readyMsMax = 180_000
/** How long a port or memory of the previous process may stay in use: its children end a moment after it. */
const heldMsMax = 15_000
const heldPauseMs = 200
const isHeld = /address already in use|EADDRINUSE|shared memory block .* is still in use/i

/**
 * Runs `begin(port)` until `check(port, child)` succeeds. If another process took the port in between, it tries again. `wanted` is a
 * mandatory port; `wish` is used if free, otherwise the next free one.
 */
export const bring = async (name, begin, check, { wanted, wish = 0 } = {}) => {
  let last = ""
  const heldUntilMs = performance.now() + heldMsMax
  for (let attempt = 0; wanted === undefined ? attempt < attemptsMax : performance.now() < heldUntilMs; attempt++) {
    const port = wanted ?? (await freePort(wish))
    const child = begin(port)
    const isReady = await until(
      () => check(port, child),
      () => !child.isUp(),
      readyMsMax
    )
    if (isReady && child.isUp()) return { child, port }
    const isStuck = child.isUp()
    await child.stop()
    last = `${isStuck ? `(not ready after ${readyMsMax / 1000} s)\n` : ""}${child.output()}`
    if (!isHeld.test(last)) break
    await sleep(heldPauseMs)
  }
  // The last word of our own programs says why; another program's reason is somewhere in its last lines.
  const [, why] = /(?:^|\n)FATAL: ([\s\S]+)$/.exec(last) ?? []
  throw new Plain(why === undefined ? `${name} does not start. Its last lines:\n${last}` : `${name} does not start: ${why}`)
}

/**
 * A program that can be restarted with its data on the port of its first start. `begin(port)` starts it there, or on a free port. `folder` is
 * where it writes; `staysMute` means that it has to be restarted after a write found no room there.
 */
export const restartable = async (name, begin, { folder, staysMute = false } = {}) => {
  const first = await begin()
  let child = first.child
  return {
    name,
    port: first.port,
    folder,
    staysMute,
    child: () => child,
    again: async () => {
      child = (await begin(first.port)).child
    },
    stop: () => child.stop()
  }
}

/** Stops a server that an earlier run left behind (power loss, both processes killed), because it still holds the data. */
export const stopStale = async (pidFile, mark, signal) => {
  let pid
  try {
    pid = Number(readFileSync(pidFile, "utf8").split("\n")[0])
  } catch {
    return // no such file: nothing was left behind
  }
  if (!isOurs(pid, mark)) return
  process.kill(pid, signal)
  const isGone = await until(
    async () => !isOurs(pid, mark),
    () => false,
    10_000
  )
  if (!isGone) process.kill(pid, "SIGKILL")
}
