import { statfsSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { isStopping } from "./children.mjs"
import { isRoot } from "./paths.mjs"

const lookEveryMs = 1_000
/** A program that met a full disk is started again when this much is free. */
const wantedBytesDefault = 64 * 1024 * 1024
/** With less than this free, a write may have failed although the program's log, on the same disk, does not say it. */
const fullBelowBytes = 256 * 1024
/** The errors of the programs and of the kernel for a write without room: ENOSPC, EDQUOT, EFBIG. */
const noRoomText = /no space left on device|disk quota exceeded|file too large/i

/** The bytes that must be free before a program is started again: DISK_ROOM_BYTES_MIN, or the default. */
export const wantedBytes = () => {
  const given = Number(process.env.DISK_ROOM_BYTES_MIN ?? wantedBytesDefault)
  return Number.isSafeInteger(given) && given > 0 ? given : wantedBytesDefault
}

/** The bytes that this user may still write in the disk of a folder; Infinity where nobody can tell. */
export const freeBytes = (folder) => {
  try {
    const { bavail, bfree, bsize } = statfsSync(folder)
    return (isRoot ? bfree : bavail) * bsize
  } catch {
    return Number.POSITIVE_INFINITY // the folder is gone: the program's own end says so
  }
}

export const megabytes = (bytes) => `${(bytes / 1024 / 1024).toFixed(1)} MB`

/** Whether a program's last lines say that a write found no room. */
export const saysNoRoom = (output) => noRoomText.test(output)

/**
 * Resolves when a running program has met a full disk. Some servers never write again after such an error, although they run: nats-server is
 * one. Never resolves if the program ends first.
 */
export const meetsFullDisk = async (child, folder) => {
  while (child.isUp() && !isStopping()) {
    if (freeBytes(folder) < fullBelowBytes || saysNoRoom(child.output())) return
    await sleep(lookEveryMs, undefined, { ref: false })
  }
  await new Promise(() => {}) // The end is awaited elsewhere.
}

/** Resolves when the disk of a folder has room again, or when everything stops. */
export const roomAgain = async (folder) => {
  while (freeBytes(folder) < wantedBytes() && !isStopping()) await sleep(lookEveryMs)
}
