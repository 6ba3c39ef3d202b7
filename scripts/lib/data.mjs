import { readFileSync, rmSync } from "node:fs"
import { basename, join } from "node:path"
import { postgresFolder } from "./backends.mjs"
import { stopStale } from "./bring.mjs"
import { entry } from "./build.mjs"
import { folder, hash } from "./paths.mjs"

/** The name of a recording's folder: its file name, and a hash of everything that decides its data. */
const recordingName = ({ file, instruments, underlying, oi }) => {
  const contents = [file, instruments].map((one) => (one === undefined ? "" : hash(readFileSync(one))))
  const stem = basename(file).replace(/\.csv(\.gz)?$/i, "")
  return `${stem.replace(/[^A-Za-z0-9_.-]/g, "-")}-${hash([...contents, underlying, oi].join(" "))}`
}

/** Stops the processes that an earlier start left behind, and removes its data. */
const startAfresh = async (data) => {
  const nearby = postgresFolder(data)
  const left = [
    [join(data, "platform.pid"), entry, "SIGTERM"],
    [join(data, "orders.pid"), entry, "SIGTERM"],
    [join(data, "market.pid"), entry, "SIGTERM"],
    [join(data, "simulator.pid"), entry, "SIGTERM"],
    [join(data, "nats/nats.pid"), join(data, "nats"), "SIGTERM"],
    [join(data, "redis/redis.pid"), join(data, "redis"), "SIGTERM"],
    [join(nearby, "postgres/postmaster.pid"), join(nearby, "postgres"), "SIGINT"]
  ]
  for (const [pidFile, mark, signal] of left) await stopStale(pidFile, mark, signal)
  for (const path of new Set([data, nearby])) rmSync(path, { recursive: true, force: true })
}

/**
 * The folder of a market's data, so that the prices of one market never appear in another. A recording and simulated days each have one,
 * which is emptied at the start: their time restarts, so the previous run's data are in the future. The live market has one, and the
 * synthetic market has `base`.
 */
export const dataFolder = async (base, market) => {
  if (market.kind === "synthetic") return folder(base)
  if (market.kind === "live") return folder(join(base, "live"))
  const data = market.kind === "days" ? join(base, "days") : join(base, "recorded", recordingName(market))
  await startAfresh(data)
  return folder(data)
}
