import { renameSync, writeFileSync } from "node:fs"
import { isStopping } from "./children.mjs"
import { Plain } from "./paths.mjs"
import { freeBytes, meetsFullDisk, megabytes, roomAgain, saysNoRoom, wantedBytes } from "./room.mjs"
import { say } from "./watch.mjs"

/** A program that ends twice within this time would only end again, so it stops the whole start. */
const againWithinMs = 60_000
/** How many times, within which time, a program that met a full disk is started again. After that a person has to look. */
const fullDisksMax = 5
const fullDisksWithinMs = 3_600_000
/** Number of restarts that are remembered. /health lists those of the last minute. */
const restartsMax = 20

const reasonOf = ({ code, by }) => (by === null ? `ended with code ${code}` : `was killed by ${by}`)
const seconds = (ms) => `${(ms / 1_000).toFixed(1)} s`

/** The list of restarts, newest last, in a file that the platform reads for /health. */
const remembering = (file) => {
  const restarts = []
  const write = () => {
    try {
      writeFileSync(`${file}.new`, JSON.stringify(restarts))
      renameSync(`${file}.new`, file)
    } catch (error) {
      if (!saysNoRoom(error.message)) throw error
      say("The list of restarts for /health cannot be written: no space left on the disk.")
    }
  }
  write() // clears the restarts of the previous run
  return {
    begin: (name, reason) => {
      const one = { name, reason, ended_at: new Date().toISOString(), up_at: null }
      restarts.push(one)
      restarts.splice(0, restarts.length - restartsMax)
      write()
      return () => {
        one.up_at = new Date().toISOString()
        write()
      }
    }
  }
}

/** A program whose disk is full waits for room, and is then started again with its data. Rejects if that happens too often. */
const keepWithRoom = ({ name, folder, child, again }, restarts) => {
  const times = []
  return async () => {
    const nowMs = performance.now()
    while (times.length > 0 && nowMs - times[0] > fullDisksWithinMs) times.shift()
    if (times.length >= fullDisksMax)
      throw new Plain(
        `${name} found no room on the disk of ${folder}, ${fullDisksMax + 1} times within an hour. Give it more room, then run npm start again.`
      )
    times.push(nowMs)
    const needed = megabytes(wantedBytes())
    say(
      `${name} found no room on the disk of ${folder}, where ${megabytes(freeBytes(folder))} are free. It stores nothing until it is started again, which happens when ${needed} are free: free some space.`
    )
    const isUp = restarts.begin(name, `found no room on the disk of ${folder} (it is started again when ${needed} are free)`)
    await roomAgain(folder)
    if (isStopping()) return
    await child().stop()
    await again()
    isUp()
    say(`${name} runs again, its disk has room. It was without for ${seconds(performance.now() - nowMs)}.`)
  }
}

/** Restarts one program whenever it ends, or meets a full disk. Rejects if it ends twice within a minute, or does not come up. */
const keepUp = async (part, restarts) => {
  const { name, port, child, folder, staysMute, again } = part
  const waitForRoom = keepWithRoom(part, restarts)
  let endedAtMs = Number.NEGATIVE_INFINITY
  while (true) {
    const before = child()
    const isFull = staysMute !== true ? [] : [meetsFullDisk(before, folder).then(() => undefined)]
    const ended = await Promise.race([before.ended, ...isFull])
    if (isStopping()) return
    if (folder !== undefined && (ended === undefined || saysNoRoom(before.output()))) {
      await waitForRoom()
      continue
    }
    const reason = reasonOf(ended)
    const nowMs = performance.now()
    if (nowMs - endedAtMs < againWithinMs)
      throw new Plain(`${name} ${reason}, the second time within ${againWithinMs / 1_000} s. Its last lines:\n${before.output()}`)
    endedAtMs = nowMs
    say(`${name} ${reason}. Starting it again on port ${port} ...`)
    const isUp = restarts.begin(name, reason)
    await again()
    isUp()
    say(`${name} runs again on port ${port} after ${seconds(performance.now() - nowMs)}.`)
  }
}

/** Rejects when a program ends that cannot continue where it stopped. */
const endWith = async ({ name, child, whyNotAgain }) => {
  const ended = child()
  const reason = reasonOf(await ended.ended)
  if (!isStopping()) throw new Plain(`${name} ${reason}. ${whyNotAgain} Its last lines:\n${ended.output()}`)
}

/**
 * Watches started programs (see `restartable`), and writes restarts to `file`. A program with `whyNotAgain`, a sentence, is not restarted.
 * `folder` is where a program writes: one that ends for want of room there, or that `staysMute` after it, is started again when there is room.
 * Never resolves; rejects with the reason if a program cannot be kept running.
 */
export const supervise = (parts, file) => {
  const restarts = remembering(file)
  return new Promise((_, reject) => {
    for (const part of parts) (part.whyNotAgain === undefined ? keepUp(part, restarts) : endWith(part)).catch(reject)
  })
}
