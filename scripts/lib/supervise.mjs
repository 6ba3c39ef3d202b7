import { renameSync, writeFileSync } from "node:fs"
import { isStopping } from "./children.mjs"
import { Plain } from "./paths.mjs"
import { say } from "./watch.mjs"

/** A program that ends twice within this time would only end again, so it stops the whole start. */
const againWithinMs = 60_000
/** Number of restarts that are remembered. /health lists those of the last minute. */
const restartsMax = 20

const reasonOf = ({ code, by }) => (by === null ? `ended with code ${code}` : `was killed by ${by}`)
const seconds = (ms) => `${(ms / 1_000).toFixed(1)} s`

/** The list of restarts, newest last, in a file that the platform reads for /health. */
const remembering = (file) => {
  const restarts = []
  const write = () => {
    writeFileSync(`${file}.new`, JSON.stringify(restarts))
    renameSync(`${file}.new`, file)
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

/** Restarts one program whenever it ends. Rejects if it ends twice within a minute, or does not come up. */
const keepUp = async ({ name, port, child, again }, restarts) => {
  let endedAtMs = Number.NEGATIVE_INFINITY
  while (true) {
    const before = child()
    const reason = reasonOf(await before.ended)
    if (isStopping()) return
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

/** Rejects when a program ends that cannot go on where it stopped. */
const endWith = async ({ name, child, whyNotAgain }) => {
  const ended = child()
  const reason = reasonOf(await ended.ended)
  if (!isStopping()) throw new Plain(`${name} ${reason}. ${whyNotAgain} Its last lines:\n${ended.output()}`)
}

/**
 * Watches started programs (see `restartable`), and writes restarts to `file`. A program with `whyNotAgain`, a sentence, is not restarted.
 * Never resolves; rejects with the reason if a program cannot be kept running.
 */
export const supervise = (parts, file) => {
  const restarts = remembering(file)
  return new Promise((_, reject) => {
    for (const part of parts) (part.whyNotAgain === undefined ? keepUp(part, restarts) : endWith(part)).catch(reject)
  })
}
