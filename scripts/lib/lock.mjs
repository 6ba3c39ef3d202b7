import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { isAlive } from "./children.mjs"
import { cache, folder, Plain, readOr } from "./paths.mjs"

const waitMsMax = 600_000

/** Runs one process at a time in this clone (npm start beside npm test). The lock of a dead process is ignored. */
export const exclusively = async (name, run) => {
  const lock = join(folder(cache, "locks"), name)
  for (const endMs = Date.now() + waitMsMax; ; await sleep(100)) {
    try {
      mkdirSync(lock)
      writeFileSync(join(lock, "pid"), `${process.pid}`)
      break
    } catch (error) {
      if (error.code !== "EEXIST") throw error
      const holder = Number(readOr(join(lock, "pid"), "0"))
      if (holder > 0 && !isAlive(holder)) rmSync(lock, { recursive: true, force: true })
      else if (Date.now() > endMs)
        throw new Plain(`Another process (${holder}) holds ${lock} for ten minutes. Remove the folder if it is not at work.`)
    }
  }
  try {
    return await run()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}
